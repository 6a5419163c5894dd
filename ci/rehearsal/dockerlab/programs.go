package dockerlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"gitops/ci/progress"
)

// programs are the commands that the lab's containers run, in a folder that is
// removed after the rehearsal.
type programs struct{ dir, gitops, rehearse string }

// build builds the commands with Go, without C: containers of any distribution run
// them. It works in a checkout of this module, where the rehearsal itself was built.
func build(ctx context.Context, p *progress.Progress) (built programs, err error) {
	end := p.Start("building the gitops command")
	defer func() { end(err) }()
	dir, err := os.MkdirTemp("", "gitops-rehearsal-")
	if err != nil {
		return programs{}, fmt.Errorf("making a folder for the commands: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", dir, "gitops/ci/cmd/gitops", "gitops/ci/cmd/rehearse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		err = fmt.Errorf("building the gitops command: %w: %s; run the rehearsal in a checkout of gitops, with Go installed", err, out)
		return programs{}, errors.Join(err, os.RemoveAll(dir))
	}
	return programs{dir, filepath.Join(dir, "gitops"), filepath.Join(dir, "rehearse")}, nil
}

func (p programs) remove() { os.RemoveAll(p.dir) }
