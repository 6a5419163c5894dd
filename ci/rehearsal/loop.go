package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gitops/ci/progress"
	"gitops/ci/stages"
)

// The branches of the loop.
const (
	features    = "infra_features"
	infraMain   = "infra_main"
	integration = "integration"
	deployment  = "deployment"
)

// ManifestPath is where the manifest stands in the rehearsed repository.
const ManifestPath = "app/docker-compose.yml"

// pullRequest is the number of the pull request that the rehearsal reviews.
const pullRequest = 1

// loop is the state that one step leaves for the next.
type loop struct {
	run      Runner
	world    World
	progress *progress.Progress

	dev      *developer
	pushed   map[string]push // the last push to each branch that started stages
	outputs  []byte          // of Terraform, from provision
	address  string          // of the host, from outputs
	released []release       // in order
	comment  string
	receipt  []byte
	notRun   []string
}

// release is one round of integration and deployment.
type release struct {
	source string // the commit that images were built from, and their tag
	head   string // the commit on deployment: source plus the robot's commit
	// page and api are the commits that frontend and backend were built from: those
	// of an earlier release where nothing changed.
	page, api string
}

// push is one push to a branch.
type push struct{ before, commit string }

// push returns the call of a stage that a push to a branch starts. The same commit
// again is the same push: somebody runs its workflows again.
func (l *loop) push(stage, branch, commit string) Call {
	last := l.pushed[branch]
	if last.commit != commit {
		last = push{before: last.commit, commit: commit}
		l.pushed[branch] = last
	}
	return Call{Stage: stage, Branch: branch, Before: last.before, Commit: commit}
}

type step struct {
	name string
	do   func(ctx context.Context) (detail string, err error)
}

// steps returns the loop in the order in which a team goes through it.
func (l *loop) steps() []step {
	return []step{
		{"seed the repository", l.seed},
		{"validate " + features, l.validate},
		{"validate catches a broken file", l.validateBroken},
		{"review: plan and cost in one comment", l.review},
		{"review: the same comment updated", l.reviewAgain},
		{"provision " + infraMain, l.provision},
		{"provision again changes nothing", l.provisionAgain},
		{"release " + integration, l.releaseFirst},
		{"release again changes nothing", l.releaseAgain},
		{"deploy " + deployment, l.deploy},
		{"the page, a route, login, an item", l.browse},
		{"release a second commit", l.releaseSecond},
		{"deploy the second commit", l.deploy},
		{"the page shows the second commit", l.browse},
		{"rollback", l.rollback},
		{"the rollback stays", l.rollbackStays},
		{"back to the second commit", l.forth},
		{"drift: none", l.driftNone},
		{"drift: found on both sides", l.driftBoth},
	}
}

func (l *loop) close() {
	if l.dev != nil {
		l.dev.close()
	}
}

func (l *loop) fill(r *Report) {
	r.Review, r.Receipt = l.comment, string(l.receipt)
	r.NotRun = append(r.NotRun, l.notRun...)
}

// stage runs one stage and decodes its result into result, which may be nil.
func (l *loop) stage(ctx context.Context, call Call, result any) error {
	out, err := l.run.Run(ctx, call)
	if result != nil && len(out) > 0 {
		if decodeErr := json.Unmarshal(out, result); decodeErr != nil && err == nil {
			return fmt.Errorf("reading the result of %s: %w in %q", call.Stage, decodeErr, out)
		}
	}
	return err
}

func (l *loop) seed(ctx context.Context) (string, error) {
	dev, err := newDeveloper(ctx, l.world)
	if err != nil {
		return "", err
	}
	l.dev = dev
	branches := []string{infraMain, features, integration, deployment}
	commit, err := dev.seed(ctx, branches...)
	if err != nil {
		return "", err
	}
	l.pushed = map[string]push{}
	for _, branch := range branches {
		l.pushed[branch] = push{commit: commit}
	}
	return "every branch at " + short(commit), nil
}

func (l *loop) validate(ctx context.Context) (string, error) {
	commit, err := l.dev.tag(ctx, features, "first")
	if err != nil {
		return "", err
	}
	var result stages.ValidateResult
	if err := l.stage(ctx, l.push("validate", features, commit), &result); err != nil {
		return "", err
	}
	var done []string
	for _, check := range result.Checks {
		if check.Status != "done" {
			return "", fmt.Errorf("check %s is %s", check.Name, check.Status)
		}
		done = append(done, check.Name)
	}
	if len(done) == 0 {
		return "", errors.New("validate reports no check")
	}
	return strings.Join(done, ", "), nil
}

// validateBroken pushes a file that Terraform cannot read and expects the stage
// to fail and to name it; then takes it back.
func (l *loop) validateBroken(ctx context.Context) (string, error) {
	commit, err := l.dev.write(ctx, features, "terraform/broken.tf", "resource \"aws_vpc\" {\n", "Break a file")
	if err != nil {
		return "", err
	}
	var failed *StageError
	err = l.stage(ctx, l.push("validate", features, commit), nil)
	switch {
	case err == nil:
		return "", errors.New("validate passed a broken file")
	case !errors.As(err, &failed):
		return "", err
	case !strings.Contains(failed.Said, "broken.tf"):
		return "", fmt.Errorf("validate failed without naming broken.tf: %w", err)
	}
	_, err = l.dev.remove(ctx, features, "terraform/broken.tf", "Take the broken file away")
	return "refused, broken.tf named", err
}

func (l *loop) review(ctx context.Context) (string, error) {
	commit, err := l.dev.head(ctx, features)
	if err != nil {
		return "", err
	}
	hub := hub{l.world}
	if err := hub.open(ctx, pullRequest, features, infraMain, commit); err != nil {
		return "", err
	}
	return l.reviewCommit(ctx, commit, 0)
}

// reviewAgain pushes once more to the pull request.
func (l *loop) reviewAgain(ctx context.Context) (string, error) {
	commit, err := l.dev.tag(ctx, features, "second")
	if err != nil {
		return "", err
	}
	if err := (hub{l.world}).open(ctx, pullRequest, features, infraMain, commit); err != nil {
		return "", err
	}
	before := l.comment
	detail, err := l.reviewCommit(ctx, commit, 1)
	if err == nil && l.comment == before {
		err = errors.New("the comment did not change")
	}
	return detail, err
}

// reviewCommit reviews commit and expects one comment that was edited so often.
func (l *loop) reviewCommit(ctx context.Context, commit string, edits int) (string, error) {
	var result stages.ReviewResult
	if err := l.stage(ctx, Call{Stage: "review", Commit: commit, PullRequest: pullRequest}, &result); err != nil {
		return "", err
	}
	comments, err := (hub{l.world}).comments(ctx, pullRequest)
	if err != nil {
		return "", err
	}
	if len(comments) != 1 || comments[0].Edits != edits {
		return "", fmt.Errorf("expected one comment edited %d times, found %d: %+v", edits, len(comments), comments)
	}
	l.comment = comments[0].Body
	if !strings.Contains(l.comment, commit[:7]) {
		return "", fmt.Errorf("the comment does not name commit %s", short(commit))
	}
	if result.CostUnavailable != "" && edits == 0 {
		l.notRun = append(l.notRun, "Infracost: "+result.CostUnavailable)
	}
	return result.Headline, nil
}
