package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
	"gopkg.in/yaml.v3"
)

// task is a job that is to run.
type task struct {
	*occurrence
	workflow  *workflow
	run       *Run
	job       *actionlint.Job
	concluded map[string]string // jobs before it
}

func (a *Actions) job(ctx context.Context, t *task) (*Job, error) {
	name, environment := a.environment(t)
	done := &Job{Name: t.job.ID.Value, Environment: name, Conclusion: "skipped"}
	for _, need := range t.job.Needs {
		if t.concluded[strings.ToLower(need.Value)] != "success" {
			return done, nil
		}
	}
	if err := t.supported(); err != nil {
		return nil, err
	}
	if said := environment.refusal(name, t.ref); said != "" {
		wanted, err := a.wanted(ctx, t)
		if err == nil && wanted {
			done.Conclusion, done.Log = "failure", said
		}
		return done, errors.Join(err, a.log(done.Log))
	}
	if missing := t.withoutStandIn(); missing != "" {
		done.Conclusion, done.Log = "failure", "The lab has no stand-in for the action "+missing+", which must be pinned by its commit.\n"
		return done, a.log(done.Log)
	}
	text, err := t.alone(nil)
	if err != nil {
		return nil, err
	}
	if done.Conclusion, done.Log, err = a.act(ctx, t, text, environment, true); err != nil {
		return nil, err
	}
	return done, a.log(done.Log)
}

func (a *Actions) log(text string) error {
	if a.options.Log == nil {
		return nil
	}
	_, err := a.options.Log.Write([]byte(text))
	return err
}

// supported refuses what the lab cannot do.
func (t *task) supported() error {
	environment := t.job.Environment
	switch {
	case t.job.WorkflowCall != nil:
		return errors.New("the lab runs no reusable workflows")
	case t.job.Container != nil, t.job.Services != nil:
		return errors.New("the lab runs no job in a container, and no service containers")
	case environment != nil && environment.Name != nil && environment.Name.ContainsExpression():
		return errors.New("the lab evaluates no expression in environment")
	case t.job.RunsOn == nil || len(t.job.RunsOn.Labels) == 0:
		return errors.New("the lab needs labels in runs-on")
	}
	return nil
}

// wanted reports whether the job's if is true. GitHub asks that before it looks at the
// environment: a job without its steps tells it.
func (a *Actions) wanted(ctx context.Context, t *task) (bool, error) {
	text, err := t.alone([]any{map[string]any{"run": "true"}})
	if err != nil {
		return false, err
	}
	conclusion, _, err := a.act(ctx, t, text, Environment{}, false)
	return conclusion != "skipped", err
}

// alone returns the workflow file with this job alone, without needs, which have been
// met, and with other steps where some are given.
func (t *task) alone(steps []any) ([]byte, error) {
	file := map[string]any{}
	if err := yaml.Unmarshal(t.workflow.text, &file); err != nil {
		return nil, fmt.Errorf("reading the workflow file: %w", err)
	}
	jobs, _ := file["jobs"].(map[string]any)
	job, _ := jobs[t.job.ID.Value].(map[string]any)
	if job == nil {
		return nil, errors.New("reading the workflow file: the job is not where it should be")
	}
	delete(job, "needs")
	if steps != nil {
		job["steps"] = steps
		delete(job, "env")
	}
	file["jobs"] = map[string]any{t.job.ID.Value: job}
	return json.Marshal(file) // JSON is YAML
}

// pinned is an action at a commit.
var pinned = regexp.MustCompile(`^([^/@]+/[^/@]+)@[0-9a-f]{40}$`)

// uses are the actions of the job's steps, local ones left out.
func (t *task) uses() []string {
	var all []string
	for _, step := range t.job.Steps {
		if action, ok := step.Exec.(*actionlint.ExecAction); ok && action.Uses != nil && !strings.HasPrefix(action.Uses.Value, "./") {
			all = append(all, action.Uses.Value)
		}
	}
	return all
}

// withoutStandIn returns an action of the job that the lab has no stand-in for.
func (t *task) withoutStandIn() string {
	for _, action := range t.uses() {
		match := pinned.FindStringSubmatch(action)
		if match == nil || !slices.Contains(known, match[1]) {
			return action
		}
	}
	return ""
}

// folder makes the folders of one job, and returns the one that has them.
func (a *Actions) folder(t *task) (string, error) {
	dir := a.path("jobs", idText(t.run.ID)+"-"+t.job.ID.Value)
	for _, name := range []string{"workspace", "home", "cache"} {
		if err := os.MkdirAll(dir+"/"+name, 0o700); err != nil {
			return dir, fmt.Errorf("making the folders of the job: %w", err)
		}
	}
	return dir, nil
}
