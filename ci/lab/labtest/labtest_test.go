package labtest_test

import (
	"os/exec"
	"strings"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/lab/labtest"
)

// The programs run on this machine, whatever it is.
func TestOnPath(t *testing.T) {
	labtest.OnPath(t, lab.Syft, lab.Cosign)
	for program, want := range map[string]string{"syft": "syft", "cosign": "GitVersion"} {
		said, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput()
		if err != nil || !strings.Contains(string(said), want) {
			t.Errorf("%s version: %v\n%s", program, err, said)
		}
	}
}
