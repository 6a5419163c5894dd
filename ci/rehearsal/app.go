package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gitops/ci/robot"
	"gitops/ci/stages"
)

func (l *loop) releaseFirst(ctx context.Context) (string, error) {
	return l.releaseCommit(ctx, "app/backend/rehearsed.go", "package main\n\n// A first change.\n")
}

// releaseSecond changes the frontend alone: the backend's image stays, under one
// more tag.
func (l *loop) releaseSecond(ctx context.Context) (string, error) {
	return l.releaseCommit(ctx, "app/frontend/public/rehearsed.txt", "A second change.\n")
}

// releaseCommit pushes a change to integration, releases it, and checks that the
// robot's commit is there and names it, and that the images are vouched for.
func (l *loop) releaseCommit(ctx context.Context, path, content string) (string, error) {
	commit, err := l.dev.write(ctx, integration, path, content, "Change the application")
	if err != nil {
		return "", err
	}
	var result stages.ReleaseResult
	if err := l.stage(ctx, l.push("release", integration, commit), &result); err != nil {
		return "", err
	}
	if result.Push.Outcome != robot.Pushed {
		return "", fmt.Errorf("the robot reports %q instead of pushed", result.Push.Outcome)
	}
	head, err := l.dev.head(ctx, integration)
	if err != nil {
		return "", err
	}
	manifest, err := l.dev.show(ctx, integration, ManifestPath)
	if err != nil {
		return "", err
	}
	if count := strings.Count(manifest, ":"+commit); count != 2 {
		return "", fmt.Errorf("the manifest on %s names %s %d times instead of 2", integration, short(commit), count)
	}
	released := release{source: commit, head: head, page: commit, api: commit}
	for _, ref := range result.Refs {
		if err := l.vouched(ctx, ref.Ref); err != nil {
			return "", err
		}
	}
	if len(l.released) > 0 {
		released.api = l.last().api
	}
	l.released = append(l.released, released)
	return fmt.Sprintf("%d images at %s, attested and signed, bumped by %s", len(result.Refs), short(commit), short(head)), nil
}

func (l *loop) releaseAgain(ctx context.Context) (string, error) {
	before, err := l.dev.head(ctx, integration)
	if err != nil {
		return "", err
	}
	var result stages.ReleaseResult
	if err := l.stage(ctx, l.push("release", integration, l.last().source), &result); err != nil {
		return "", err
	}
	after, err := l.dev.head(ctx, integration)
	if err != nil {
		return "", err
	}
	if before != after || result.Push.Outcome != robot.Unchanged {
		return "", fmt.Errorf("releasing again moved %s from %s to %s (%s)", integration, short(before), short(after), result.Push.Outcome)
	}
	return "unchanged", nil
}

func (l *loop) last() release { return l.released[len(l.released)-1] }

func (l *loop) deploy(ctx context.Context) (string, error) {
	commit, err := l.dev.merge(ctx, integration, deployment)
	if err != nil {
		return "", err
	}
	call := l.push("deploy", deployment, commit)
	call.Outputs = l.outputs
	return l.putOut(ctx, call, l.last())
}

func (l *loop) rollback(ctx context.Context) (string, error) {
	if len(l.released) < 2 {
		return "", errors.New("nothing to roll back to")
	}
	return l.putOut(ctx, Call{Stage: "rollback", Commit: l.last().head, Outputs: l.outputs}, l.released[0])
}

// rollbackStays pushes the commit again from which the operator went back.
func (l *loop) rollbackStays(ctx context.Context) (string, error) {
	_, err := l.deploy(ctx)
	var failed *StageError
	if !errors.As(err, &failed) || !strings.Contains(failed.Error(), "went back from commit "+short(l.last().head)) {
		return "", fmt.Errorf("deploying what the operator went back from: got %w, want it refused", err)
	}
	return "refused", newVisitor(l.world, l.address).sees(ctx, l.released[0])
}

// forth goes to the second commit, as the operator does.
func (l *loop) forth(ctx context.Context) (string, error) {
	return l.putOut(ctx, Call{Stage: "rollback", Release: l.last().head, Commit: l.last().head, Outputs: l.outputs}, l.last())
}

// putOut runs a stage that puts a release on the host and expects the page to
// show that release afterwards.
func (l *loop) putOut(ctx context.Context, call Call, r release) (string, error) {
	out, err := l.run.Run(ctx, call)
	if len(out) > 0 {
		l.receipt = out
	}
	if err != nil {
		return "", err
	}
	if err := newVisitor(l.world, l.address).sees(ctx, r); err != nil {
		return "", err
	}
	return "the page shows " + short(r.page), nil
}

// browse goes through the application as a visitor does.
func (l *loop) browse(ctx context.Context) (string, error) {
	return newVisitor(l.world, l.address).walk(ctx, l.last())
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}
