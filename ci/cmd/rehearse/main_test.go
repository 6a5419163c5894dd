package main

import (
	"bytes"
	"strings"
	"testing"

	"gitops/ci/progress"
)

// TestBadUsage holds exit code 2 and the remedy for what cannot be rehearsed.
func TestBadUsage(t *testing.T) {
	root := "../../.."
	for args, says := range map[string]string{
		"--source nowhere":                         "not a repository to rehearse",
		"--engine nomad --source " + root:          "there are auto, docker and dagger",
		"--engine session --keep --source " + root: "--keep does not work in a Dagger session",
		"--nonsense":                               "rehearse --help",
	} {
		var out, said bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &out, &said)
		if code != progress.ExitInvalid || !strings.Contains(said.String(), says) || out.Len() > 0 {
			t.Errorf("rehearse %s: exit %d, stderr %q, stdout %q", args, code, said.String(), out.String())
		}
	}
}
