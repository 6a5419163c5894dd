package actions

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// workflow is a workflow file.
type workflow struct {
	file string
	text []byte
	*actionlint.Workflow
	invalid string // why GitHub would run no job of it
}

// name is its own, or its path.
func (w *workflow) name() string {
	if w.Name == nil || w.Name.Value == "" {
		return w.file
	}
	return w.Name.Value
}

// workflows returns the workflow files of a commit in the order of their names.
func (a *Actions) workflows(ctx context.Context, commit string) ([]*workflow, error) {
	files, err := a.repository.workflowFiles(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("reading the workflow files of %s: %w", commit, err)
	}
	var all []*workflow
	for _, path := range slices.Sorted(maps.Keys(files)) {
		all = append(all, newWorkflow(path, files[path]))
	}
	return all, nil
}

func newWorkflow(path string, text []byte) *workflow {
	parsed, problems := actionlint.Parse(text)
	if parsed == nil {
		parsed = &actionlint.Workflow{}
	}
	w := &workflow{file: path, text: text, Workflow: parsed}
	switch err := w.checkConcurrency(); {
	case len(problems) > 0:
		w.invalid = problems[0].Error()
	case err != nil:
		w.invalid = err.Error()
	case len(w.ordered()) < len(w.Jobs):
		w.invalid = "the needs of its jobs form a circle, or name a job that there is not"
	}
	return w
}

// starts reports whether an event starts the workflow. A file without readable events
// fails at each push, where its author sees it.
func (w *workflow) starts(o *occurrence) (bool, error) {
	if o.skip {
		return false, nil
	}
	if len(w.On) == 0 {
		return o.Name == "push", nil
	}
	for _, event := range w.On {
		if event.EventName() != o.Name {
			continue
		}
		hook, filtered := event.(*actionlint.WebhookEvent)
		if !filtered {
			return true, nil
		}
		return starts(hook, o)
	}
	return false, nil
}

func starts(hook *actionlint.WebhookEvent, o *occurrence) (bool, error) {
	branch := o.Branch
	switch o.Name {
	case "push":
		if hook.Branches == nil && hook.BranchesIgnore == nil && (hook.Tags != nil || hook.TagsIgnore != nil) {
			return false, nil // it asks for tags
		}
	case "pull_request":
		branch = o.PullRequest.Base
		if !typed(hook, o, "opened", "synchronize", "reopened") {
			return false, nil
		}
	case "workflow_run":
		branch = o.WorkflowRun.HeadBranch
		if !typed(hook, o, "completed") || !slices.Contains(values(hook.Workflows), o.WorkflowRun.Workflow) {
			return false, nil
		}
	}
	if in, err := admits(hook.Branches, hook.BranchesIgnore, branch); !in || err != nil {
		return false, err
	}
	return admits(hook.Paths, hook.PathsIgnore, o.changed...)
}

// typed reports whether the hook takes the event's activity type; others are what it
// takes when it names none.
func typed(hook *actionlint.WebhookEvent, o *occurrence, others ...string) bool {
	types := values(hook.Types)
	if len(types) == 0 {
		types = others
	}
	return slices.Contains(types, o.action())
}

func values(texts []*actionlint.String) []string {
	var all []string
	for _, text := range texts {
		all = append(all, text.Value)
	}
	return all
}

// checkConcurrency refuses expressions that GitHub cannot read.
func (w *workflow) checkConcurrency() error {
	if err := checkGroup(w.Concurrency, "concurrency"); err != nil {
		return err
	}
	for _, job := range w.Jobs {
		if err := checkGroup(job.Concurrency, "jobs.<job_id>.concurrency"); err != nil {
			return err
		}
	}
	return nil
}

func checkGroup(c *actionlint.Concurrency, key string) error {
	if c == nil || c.Group == nil {
		return nil
	}
	contexts, _ := actionlint.WorkflowKeyAvailability(key)
	rest := c.Group.Value
	for {
		_, after, found := strings.Cut(rest, "${{")
		if !found {
			return nil
		}
		node, err := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(after))
		if err != nil {
			return fmt.Errorf("the concurrency group %q is no expression: %s", c.Group.Value, err.Message)
		}
		if unknown := foreign(node, contexts); unknown != "" {
			return fmt.Errorf("the concurrency group %q has %s, which is unknown there: there are %s", c.Group.Value, unknown, strings.Join(contexts, ", "))
		}
		_, rest, _ = strings.Cut(after, "}}")
	}
}

// foreign returns a context of the expression that is not in known.
func foreign(node actionlint.ExprNode, known []string) string {
	unknown := ""
	actionlint.VisitExprNode(node, func(n, _ actionlint.ExprNode, entering bool) {
		if variable, ok := n.(*actionlint.VariableNode); ok && entering && !slices.Contains(known, variable.Name) {
			unknown = variable.Name
		}
	})
	return unknown
}

// ordered returns the jobs so that each comes after those that it needs; in a circle
// of needs none comes.
func (w *workflow) ordered() []*actionlint.Job {
	waiting := slices.SortedFunc(maps.Values(w.Jobs), func(a, b *actionlint.Job) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	var ordered []*actionlint.Job
	done := map[string]bool{}
	for len(waiting) > 0 {
		next := slices.IndexFunc(waiting, func(job *actionlint.Job) bool {
			return !slices.ContainsFunc(job.Needs, func(need *actionlint.String) bool { return !done[strings.ToLower(need.Value)] })
		})
		if next < 0 {
			break
		}
		ordered = append(ordered, waiting[next])
		done[strings.ToLower(waiting[next].ID.Value)] = true
		waiting = slices.Delete(waiting, next, next+1)
	}
	return ordered
}
