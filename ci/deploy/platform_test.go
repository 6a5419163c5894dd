package deploy

import "testing"

func TestWhichImagesAHostRuns(t *testing.T) {
	const id = " sha256:00\n"
	for name, test := range map[string]struct {
		out  string
		runs bool
	}{
		"the same":     {"host linux/arm64\nimage a:1 linux/arm64" + id, true},
		"another":      {"host linux/arm64\nimage a:1 linux/amd64" + id, false},
		"32 bits":      {"host linux/arm64\nimage a:1 linux/arm" + id, true},
		"older Intel":  {"host linux/amd64\nimage a:1 linux/386" + id, true},
		"64 on 32":     {"host linux/arm\nimage a:1 linux/arm64" + id, false},
		"without":      {"host linux/amd64\nimage a:1 linux/" + id, true},
		"nothing":      {"host linux/amd64\nimage a:1 /" + id, true},
		"not there":    {"host linux/amd64\nimage a:1 \n", true},
		"Windows":      {"host linux/amd64\nimage a:1 windows/amd64" + id, false},
		"a login talk": {"Welcome to this host\nhost linux/amd64\nimage a:1 linux/s390x" + id, false},
	} {
		host, images := readPlatforms(test.out)
		if got := runs(host, images["a:1"].platform); got != test.runs {
			t.Errorf("%s: runs %v, want %v", name, got, test.runs)
		}
	}
}
