package infra

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"

	"github.com/hashicorp/terraform-exec/tfexec"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Apply does exactly what the saved plan says. A plan that no longer fits the
// state is refused. After a failure, the state is what Terraform left, and the
// outputs that exist can be read.
func (w *Workspace) Apply(ctx context.Context, planFile string) error {
	file, err := filepath.Abs(planFile)
	if err != nil {
		return progress.Invalid("applying: %w", err)
	}
	if _, err := os.Stat(file); err != nil {
		return progress.Invalid("applying: no plan file: %w", err)
	}
	w.tf.SetStdout(&steps{progress: w.progress, redactor: w.tf.redactor})
	defer w.tf.SetStdout(nil)
	return w.tf.run(ctx, "applying", w.progress, func() error {
		return w.tf.Apply(ctx, tfexec.DirOrPlan(file), tfexec.LockTimeout(w.timeout))
	})
}

// step is a line of Terraform's that says a resource is done.
var step = regexp.MustCompile(`: (Creation|Modifications|Destruction) complete after |: Import complete`)

// steps passes the lines that say a resource is done on to progress.
type steps struct {
	progress *progress.Progress
	redactor *secret.Redactor
	rest     []byte
}

// Write implements io.Writer.
func (s *steps) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.rest = rest
		if step.Match(line) {
			s.progress.Say("  %s", s.redactor.Redact(string(line)))
		}
	}
}
