// Package robot commits image refs to a branch of a git repository and pushes
// them through any race.
//
// It works by replaying its intent ("service X runs REF") on whatever the
// branch holds: when a push is rejected, it fetches, applies the intent to the
// new tip and pushes again. It never merges text and never force-pushes. It has
// no work tree: objects are written as bytes, so that hooks, filters, line
// endings, LFS pointers and submodules are left as they are.
//
// It knows git by its command line, and nothing of what a host such as GitHub
// adds to git; opening a pull request is a function that the caller gives.
package robot

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/retry"
)

// Outcomes of Push.
const (
	Pushed     = "pushed"     // a commit is on the branch
	Unchanged  = "unchanged"  // the branch runs these refs already
	Superseded = "superseded" // the branch runs something newer
	Proposed   = "proposed"   // the branch is protected; a pull request is open
)

// Result is what Push did.
type Result struct {
	Outcome string `json:"outcome"`
	// Commit is the robot's commit, or the tip that needed none.
	Commit string `json:"commit"`
	// Attempts counts how often the branch was fetched.
	Attempts int               `json:"attempts"`
	Changes  []manifest.Change `json:"changes,omitempty"`
	// SupersededBy is the newer commit that runs already; Superseded names it
	// for each service that was left alone because of that.
	SupersededBy string            `json:"superseded_by,omitempty"`
	Superseded   map[string]string `json:"superseded,omitempty"`
	// PullRequest is the address of the pull request when Proposed.
	PullRequest string   `json:"pull_request,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
}

// Push brings o.Images into o.Manifest on o.Branch. Bad input gives
// progress.Invalid, what a guard forbids (a rewritten history, a protected branch)
// progress.Refused; in both cases nothing was pushed.
func Push(ctx context.Context, o Options) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	if err := o.checkImages(); err != nil {
		return Result{}, err
	}
	j, err := newJob(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer j.close()
	end := o.Progress.Start(fmt.Sprintf("Bringing %s to %s", o.Manifest, o.Branch))
	err = j.run(ctx)
	end(err)
	return j.result, err
}

// job is one Push.
type job struct {
	Options
	git    *git
	repo   string   // bare repository with the tip, shallow
	past   *history // created when the order of two commits is asked for
	target string   // the branch that is pushed to; not Branch for a pull request
	known  string   // a tip of Branch that has Commit in its history
	mine   string   // the last commit that was pushed
	result Result
}

func newJob(ctx context.Context, o Options) (*job, error) {
	g, err := newGit(o)
	if err != nil {
		return nil, err
	}
	j := &job{Options: o, git: g, target: o.Branch}
	if j.repo, err = g.initBare(ctx, "tip.git", o.Commit); err != nil {
		g.close()
		return nil, err
	}
	return j, nil
}

func (j *job) close() { j.git.close() }

// run tries until the intent has landed or there is nothing to do.
func (j *job) run(ctx context.Context) error {
	broken := 0 // failures of the network in a row
	for j.result.Attempts < j.MaxAttempts {
		j.result.Attempts++
		begun := time.Now()
		done, err := j.attempt(ctx)
		took := time.Since(begun)
		switch {
		case done || (err != nil && !isRetryable(err)):
			return err
		case isTransient(err):
			took = max(took, j.SickPause)
			if broken++; broken > maxBroken {
				return err
			}
			j.Progress.Say("%v: trying again", err)
		default:
			broken = 0
			j.Progress.Say("%s moved meanwhile: applying to its new tip (attempt %d)", j.target, j.result.Attempts)
		}
		if err := pause(ctx, j.longest(j.result.Attempts, took)); err != nil {
			return fmt.Errorf("pushing to %s, stopped after %d attempts: %w", j.target, j.result.Attempts, err)
		}
	}
	return fmt.Errorf("pushing to %s: %d attempts and each time somebody else was faster: run it again, or allow more attempts",
		j.target, j.result.Attempts)
}

// attempt applies the intent to the tip and pushes; done means that the result
// is final.
func (j *job) attempt(ctx context.Context) (done bool, err error) {
	t, err := j.fetch(ctx)
	if err != nil {
		return false, err
	}
	if j.landed(ctx, t) {
		return true, j.finish(ctx, j.mine)
	}
	rewritten, err := j.apply(ctx, t)
	switch {
	case err != nil:
		return false, err
	case rewritten == nil && j.target == j.Branch:
		j.result.Commit = t.commit
		return true, nil
	case rewritten == nil: // proposed before
		return true, j.finish(ctx, t.commit)
	}
	if j.mine, err = j.commit(ctx, t, rewritten); err != nil {
		return false, err
	}
	return j.pushOrPropose(ctx)
}

// pushOrPropose pushes our commit, to its own branch if the target is
// protected and that was asked for.
func (j *job) pushOrPropose(ctx context.Context) (done bool, err error) {
	err = j.push(ctx, j.mine)
	if isProtected(err) && j.PullRequest != nil && j.target == j.Branch {
		j.Progress.Say("%s is protected: proposing the change instead", j.Branch)
		return j.propose(ctx)
	}
	if err != nil {
		return false, err
	}
	return true, j.finish(ctx, j.mine)
}

// finish records that commit is on the target branch.
func (j *job) finish(ctx context.Context, commit string) error {
	j.result.Outcome, j.result.Commit = Pushed, commit
	if j.target == j.Branch {
		return nil
	}
	j.result.Outcome = Proposed
	return j.openPullRequest(ctx, commit)
}

// maxBroken is how many failures of the network in a row are tried again.
const maxBroken = 4

// longest returns the longest pause after an attempt that took so long. It
// doubles with each attempt and is counted in what an attempt takes: a slow
// server needs more room between two pushes.
func (o *Options) longest(attempt int, took time.Duration) time.Duration {
	factor := o.LongPause
	if attempt < 4 {
		factor = min(factor, 1<<attempt/2)
	}
	return time.Duration(factor) * took
}

// pause waits a random while, so that robots that collided do not collide again.
func pause(ctx context.Context, longest time.Duration) error {
	return retry.Sleep(ctx, rand.N(longest+time.Millisecond))
}

// refused is the guard's error for a history in which the order is unknown.
func (j *job) refused(format string, args ...any) error {
	return progress.Refused("pushing to %s: %s", j.Branch, fmt.Sprintf(format, args...))
}
