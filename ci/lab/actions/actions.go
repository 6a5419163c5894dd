package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"gitops/ci/secret"
)

// Options say where the repository is, and what its settings at GitHub would be.
type Options struct {
	Act string // the program act, from lab.Act
	// Server is the address of the GitHub stand-in as workflows are told it, such as
	// https://github.local:8080. Outside is where this machine reaches it, where that is
	// another address; git and the stand-ins of actions go there.
	Server, Outside string
	Repository      string // owner/name
	DefaultBranch   string
	// Token returns a token with permissions named as in a workflow, such as that of
	// githubtest.NewToken.
	Token func(ctx context.Context, permissions map[string]string) (secret.Value, error)
	// Environments are those of the repository by name; "" has the secrets and variables
	// of the repository itself. One that is not here has nothing and admits all.
	Environments map[string]Environment
	// Env is the environment of every step, below what the workflow sets. Steps get no
	// other variables of this process than PATH.
	Env map[string]string
	// Path are folders before this machine's PATH. One has the dagger command, which says
	// the version that the workflows ask for when it is called with version.
	Path         []string
	Certificates string    // file of the authority that Server's certificate is of, PEM; empty for the machine's own
	Log          io.Writer // gets each job's log at its end; nil throws it away
}

// Environment is what GitHub keeps for the jobs of one environment.
type Environment struct {
	Secrets   map[string]secret.Value
	Variables map[string]string
	Branches  []string // patterns of the branches that may deploy; all refs where empty
}

// Run is one run of a workflow.
type Run struct {
	Workflow   string // its name
	File       string // such as .github/workflows/ci.yml
	Event      string
	HeadBranch string
	HeadSHA    string
	ID         int64
	Conclusion string // success, failure, skipped, startup_failure
	Message    string // why the run has no jobs
	Jobs       []Job

	pull *PullRequest
}

// Job is one job of a Run.
type Job struct {
	Name        string // its key in the workflow file
	Environment string
	Conclusion  string // success, failure, skipped
	Log         string
}

// Actions runs the workflows of one repository. It is safe for concurrent use; events
// are taken one after the other.
type Actions struct {
	options    Options
	dir        string // all files are below it
	repository *repository
	mu         sync.Mutex
	lastRun    int64
}

// New clones the repository, which must exist. Close removes what it made.
func New(ctx context.Context, o Options) (a *Actions, err error) {
	o.Server = strings.TrimSuffix(o.Server, "/")
	if o.Outside = strings.TrimSuffix(o.Outside, "/"); o.Outside == "" {
		o.Outside = o.Server
	}
	if o.Act == "" || o.Server == "" || o.DefaultBranch == "" || o.Token == nil || strings.Count(o.Repository, "/") != 1 {
		return nil, errors.New("starting the stand-in for GitHub Actions: it needs act, a server, owner/name, a default branch, tokens")
	}
	a = &Actions{options: o}
	if a.dir, err = os.MkdirTemp("", "gitops-actions-"); err != nil {
		return nil, fmt.Errorf("starting the stand-in for GitHub Actions: %w", err)
	}
	if err := a.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the stand-in for GitHub Actions: %w", err), a.Close())
	}
	return a, nil
}

func (a *Actions) prepare(ctx context.Context) error {
	// The merge commits of pull requests are pushed with it.
	token, err := a.options.Token(ctx, map[string]string{"contents": "write"})
	if err != nil {
		return err
	}
	if err := os.CopyFS(a.path("actions"), standIns); err != nil {
		return err
	}
	a.repository, err = newRepository(ctx, a.options, a.path("repository"), token)
	return err
}

func (a *Actions) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

// Close removes every file of a.
func (a *Actions) Close() error { return os.RemoveAll(a.dir) }

// Happen runs the workflows that e starts, and those that their ends start, and
// returns the runs in that order. A run that fails is no error; an error is a fault of
// the lab, or something that it cannot do.
func (a *Actions) Happen(ctx context.Context, e Event) ([]Run, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.happen(ctx, e, 0)
}

// GitHub follows workflow_run this often.
const chain = 3

func (a *Actions) happen(ctx context.Context, e Event, upstream int) ([]Run, error) {
	if err := a.repository.fetch(ctx); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", a.options.Repository, err)
	}
	o, err := a.occurrence(ctx, e)
	if err != nil {
		return nil, err
	}
	all, err := a.workflows(ctx, o.sha)
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, w := range all {
		starts, err := w.starts(o)
		if err != nil {
			return runs, fmt.Errorf("%s: %w", w.file, err)
		}
		if !starts {
			continue
		}
		run, err := a.run(ctx, o, w)
		runs = append(runs, *run)
		if err != nil {
			return runs, fmt.Errorf("%s: %w", w.file, err)
		}
		if upstream == chain || run.Conclusion == "startup_failure" || !a.repository.has(ctx, "refs/heads/"+a.options.DefaultBranch) {
			continue
		}
		more, err := a.happen(ctx, Event{Name: "workflow_run", WorkflowRun: run, Actor: o.Actor}, upstream+1)
		runs = append(runs, more...)
		if err != nil {
			return runs, err
		}
	}
	return runs, nil
}

func (a *Actions) run(ctx context.Context, o *occurrence, w *workflow) (*Run, error) {
	a.lastRun++
	run := &Run{Workflow: w.name(), File: w.file, Event: o.Name, HeadBranch: o.headBranch(), HeadSHA: o.headSHA,
		ID: a.lastRun, Conclusion: "skipped", pull: o.PullRequest}
	if w.invalid != "" {
		run.Conclusion, run.Message = "startup_failure", "Invalid workflow file: "+w.invalid
		return run, nil
	}
	concluded := map[string]string{}
	for _, job := range w.ordered() {
		done, err := a.job(ctx, &task{occurrence: o, workflow: w, run: run, job: job, concluded: concluded})
		if err != nil {
			return run, fmt.Errorf("job %s: %w", job.ID.Value, err)
		}
		run.Jobs = append(run.Jobs, *done)
		concluded[strings.ToLower(done.Name)] = done.Conclusion
		if done.Conclusion == "failure" || done.Conclusion == "success" && run.Conclusion == "skipped" {
			run.Conclusion = done.Conclusion
		}
	}
	return run, nil
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }
