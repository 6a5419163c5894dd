package infra

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Apply does exactly what the saved plan says. A plan that no longer fits the
// state is refused. After a failure, the state is what Terraform left, and the
// outputs that exist can be read.
func (w *Workspace) Apply(ctx context.Context, planFile string) error {
	_, err := w.ApplyCounted(ctx, planFile)
	return err
}

// ApplyCounted is Apply that tells what was done, also after a failure.
func (w *Workspace) ApplyCounted(ctx context.Context, planFile string) (Applied, error) {
	file, err := filepath.Abs(planFile)
	if err != nil {
		return nil, progress.Invalid("applying: %w", err)
	}
	if _, err := os.Stat(file); err != nil {
		return nil, progress.Invalid("applying: no plan file: %w", err)
	}
	done := &steps{progress: w.progress, redactor: w.tf.redactor, done: Applied{}}
	w.tf.SetStdout(done)
	defer w.tf.SetStdout(nil)
	err = w.tf.run(ctx, "applying", w.progress, func() error {
		return w.tf.Apply(ctx, w.applyOptions(file)...)
	})
	return done.done, err
}

// applyOptions give the variable files once more: a saved plan has the values of
// variables, but not of ephemeral ones.
func (w *Workspace) applyOptions(file string) []tfexec.ApplyOption {
	options := []tfexec.ApplyOption{tfexec.DirOrPlan(file), tfexec.LockTimeout(w.timeout)}
	for _, vars := range w.varFiles {
		options = append(options, tfexec.VarFile(vars))
	}
	return options
}

// Applied says what was done to which resource, by its address: Creation,
// Modifications, Destruction or Import.
type Applied map[string]map[string]bool

// Of returns how many changes of a plan were done, and how many it has. A replacement
// is done when the old resource is gone and the new one is there.
func (a Applied) Of(plan *tfjson.Plan) (done, of int) {
	for _, rc := range plan.ResourceChanges {
		if rc == nil || rc.Change == nil {
			continue
		}
		needs := stepsOf(rc)
		if len(needs) == 0 {
			continue
		}
		of++
		all := true
		for _, step := range needs {
			all = all && a[rc.Address][step]
		}
		if all {
			done++
		}
	}
	return done, of
}

// stepsOf are the steps that Terraform tells of a change.
func stepsOf(rc *tfjson.ResourceChange) []string {
	switch actions := rc.Change.Actions; {
	case actions.Replace():
		return []string{"Creation", "Destruction"}
	case actions.Create():
		return []string{"Creation"}
	case actions.Update():
		return []string{"Modifications"}
	case actions.Delete():
		return []string{"Destruction"}
	}
	return nil
}

// step is a line of Terraform's that says a resource is done.
var step = regexp.MustCompile(`^(.*): (?:(Creation|Modifications|Destruction) complete after |Import complete)`)

// deposedObject is how Terraform names what is left of a replaced resource.
var deposedObject = regexp.MustCompile(` \(deposed object [0-9a-f]+\)$`)

// steps passes the lines that say a resource is done on to progress, and counts them.
type steps struct {
	progress *progress.Progress
	redactor *secret.Redactor
	rest     []byte
	done     Applied
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
		if found := step.FindSubmatch(line); found != nil {
			s.note(deposedObject.ReplaceAllString(string(found[1]), ""), string(found[2]))
			s.progress.Say("  %s", s.redactor.Redact(string(line)))
		}
	}
}

func (s *steps) note(address, what string) {
	if what == "" {
		return // an import
	}
	if s.done == nil {
		s.done = Applied{}
	}
	if s.done[address] == nil {
		s.done[address] = map[string]bool{}
	}
	s.done[address][what] = true
}
