package lab

import (
	"context"

	"gitops/ci/progress"
)

// act runs GitHub Actions' workflow files on this machine.
var act = goProgram{
	folder:  "act",
	module:  "github.com/nektos/act",
	pkg:     "github.com/nektos/act",
	version: "v0.2.89",
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
