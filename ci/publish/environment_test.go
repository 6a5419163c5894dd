package publish

import (
	"testing"

	"gitops/ci/builds"
	"gitops/ci/lab/envtest"
)

func TestDockerGetsWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct{ pass, want []string }{
		"by itself":           {nil, nil},
		"a credential helper": {[]string{"AWS_*"}, []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			tool := envtest.New(t, "docker", "")
			p, _ := newPublisher(Options{Pass: c.pass}) // there is nothing to publish, which is an error
			if _, err := p.docker.build(t.Context(), Service{Context: t.TempDir()}, builds.Part{}, t.TempDir()); err == nil {
				t.Error("the program in Docker's place fails, and build does not")
			}
			tool.Got(t, c.want...)
		})
	}
}
