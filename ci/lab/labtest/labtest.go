// Package labtest gives tests on this machine what the stages find in their
// containers.
package labtest

import (
	"os"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/progress"
)

// OnPath puts the programs first on the test's PATH, each out of its image. The
// test is skipped under -short and where no Docker engine answers, unless
// lab.SetupVariable lets one be set up. It cannot be used in parallel tests; they
// have lab.Tool.
func OnPath(t *testing.T, programs ...lab.Program) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	if !lab.DockerAnswers(t.Context()) && os.Getenv(lab.SetupVariable) == "" {
		t.Skip("needs a Docker engine (or " + lab.SetupVariable + "=1 to set one up)")
	}
	for _, program := range programs {
		dir, err := lab.Tool(t.Context(), program, progress.NewProgress(t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
}
