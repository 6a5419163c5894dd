package deploy

import (
	"strings"
	"testing"

	"gitops/ci/progress"
)

func TestWhichImagesAHostRuns(t *testing.T) {
	for name, test := range map[string]struct{ out, said string }{
		"the same":     {"host linux/arm64\nimage a:1 linux/arm64\nimage b:1 linux/arm64\n", ""},
		"another":      {"host linux/arm64\nimage a:1 linux/arm64\nimage b:1@sha256:00 linux/amd64\n", "b:1@sha256:00 is built for linux/amd64 and the host is linux/arm64: set release.platforms: [linux/arm64] in gitops.yml"},
		"32 bits":      {"host linux/arm64\nimage a:1 linux/arm\n", ""},
		"older Intel":  {"host linux/amd64\nimage a:1 linux/386\n", ""},
		"64 on 32":     {"host linux/arm\nimage a:1 linux/arm64\n", "built for linux/arm64 and the host is linux/arm:"},
		"without":      {"host linux/amd64\nimage a:1 linux/\n", ""},
		"nothing":      {"host linux/amd64\nimage a:1 /\n", ""},
		"not there":    {"host linux/amd64\nimage a:1 \n", ""},
		"Windows":      {"host linux/amd64\nimage a:1 windows/amd64\n", "built for windows/amd64"},
		"a login talk": {"Welcome to this host\nhost linux/amd64\nimage a:1 linux/s390x\n", "built for linux/s390x and the host is linux/amd64"},
	} {
		err := misfit(test.out)
		if test.said == "" && err != nil || test.said != "" && (progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), test.said)) {
			t.Errorf("%s: %v, want %q", name, err, test.said)
		}
	}
}
