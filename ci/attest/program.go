package attest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// leaveOut is what else can be done where a program is missing.
const leaveOut = ", or leave attestations out with --no-attestations"

// lookUp finds a program, or says how to come by it and what to do otherwise.
func lookUp(name, image, otherwise string) (string, error) {
	path, err := program.Find(name)
	if err != nil {
		return "", progress.Invalid("the program %s is not installed: install it (the image %s has it) or call the stage through Dagger, which brings it%s", name, image, otherwise)
	}
	return filepath.Abs(path)
}

// execution is how a program is run, whatever its arguments.
type execution program.Command

// do runs the program and returns what it wrote. A bad end is a *program.Error with
// the words that tell the reason.
func (e execution) do(ctx context.Context, args ...string) ([]byte, error) {
	e.Args = args
	out, err := program.Run(ctx, program.Command(e))
	var failed *program.Error
	if errors.As(err, &failed) {
		failed.Said = reason(failed.Said)
	}
	return out.Stdout, err
}

// reason returns the last line that a program said, without cosign's opening.
func reason(said string) string {
	last := program.LastLines(said, 1)
	if _, words, found := strings.Cut(last, "error during command execution: "); found {
		last = words
	}
	return strings.TrimSpace(last)
}
