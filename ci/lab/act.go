package lab

import (
	"context"
	_ "embed"

	"gitops/ci/progress"
)

//go:embed act_util.go.txt
var actUtil string

// act runs GitHub Actions' workflow files on this machine.
var act = goProgram{
	folder:  "act",
	module:  "github.com/nektos/act",
	pkg:     "github.com/nektos/act",
	version: "v0.2.89",
	instead: map[string]string{"pkg/container/util.go": actUtil},
}

// Act returns the path of the program act in the lab's cache, and compiles it
// before where it is not there. It needs Go and its module proxy, and no Docker.
func Act(ctx context.Context, p *progress.Progress) (string, error) {
	c, err := openCache("")
	if err != nil {
		return "", err
	}
	m := &maker{cache: c, progress: p, compiling: oneCompiler()}
	return m.compile(ctx, act)
}
