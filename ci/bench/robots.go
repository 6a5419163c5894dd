package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gitops/ci/lab/gitserver"
	"gitops/ci/robot"
	"gitops/ci/secret"
)

// benchRobots lets robots push to one branch of a git server at once, each for
// another service. Robots and server share this machine.
func benchRobots(ctx context.Context, folder string, s size) error {
	password := secret.New("for-the-bench")
	server, err := gitserver.New(filepath.Join(folder, "git"), "robot", password)
	if err != nil {
		return err
	}
	web := httptest.NewServer(server)
	defer web.Close()
	if err := server.Create(ctx, "bench"); err != nil {
		return err
	}
	start, err := firstCommit(ctx, filepath.Join(folder, "clone"), server.Path("bench"), s.robots)
	if err != nil {
		return err
	}
	options := robot.Options{
		RepoURL: web.URL + "/bench.git", Branch: "integration", Manifest: "compose.yml", Commit: start, Username: "robot", Token: password,
	}
	results, landed, err := race(ctx, options, s.robots)
	if err != nil {
		return err
	}
	return reportRobots(ctx, server.Path("bench"), results, landed)
}

// race starts all robots at once and returns what each did and when it was done.
func race(ctx context.Context, o robot.Options, robots int) ([]robot.Result, []time.Duration, error) {
	results, landed := make([]robot.Result, robots), make([]time.Duration, robots)
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range robots {
		mine := o
		mine.Images = map[string]string{fmt.Sprintf("s%d", i): "owner/app:" + o.Commit}
		group.Go(func() (err error) {
			results[i], err = robot.Push(ctx, mine)
			landed[i] = time.Since(begun)
			return err
		})
	}
	return results, landed, group.Wait()
}

func reportRobots(ctx context.Context, bare string, results []robot.Result, landed []time.Duration) error {
	var attempts []int
	sum := 0
	for _, r := range results {
		attempts, sum = append(attempts, r.Attempts), sum+r.Attempts
	}
	slices.Sort(attempts)
	commits, err := git(ctx, bare, "rev-list", "--count", "--first-parent", "integration")
	if err != nil {
		return err
	}
	n := len(results)
	fmt.Printf("\n%d robots at once on one branch over HTTP:\n\n", n)
	fmt.Println("| first landed | half landed | last landed | attempts per robot: mean, median, most | commits on the branch |\n|---|---|---|---|---|")
	slices.Sort(landed)
	fmt.Printf("| %.1f s | %.1f s | %.1f s | %.1f, %d, %d | %s (1 to begin with) |\n", landed[0].Seconds(), landed[n/2].Seconds(), landed[n-1].Seconds(),
		float64(sum)/float64(n), attempts[n/2], attempts[n-1], commits)
	return nil
}

// firstCommit puts a manifest with n services on the branch.
func firstCommit(ctx context.Context, clone, bare string, n int) (string, error) {
	if _, err := git(ctx, filepath.Dir(clone), "init", "--quiet", "--initial-branch=integration", clone); err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&text, "  s%d:\n    image: owner/app:first\n", i)
	}
	if err := os.WriteFile(filepath.Join(clone, "compose.yml"), []byte(text.String()), 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"add", "."}, {"commit", "--quiet", "--message=Start"}, {"push", "--quiet", bare, "HEAD:integration"}} {
		if _, err := git(ctx, clone, args...); err != nil {
			return "", err
		}
	}
	return git(ctx, clone, "rev-parse", "HEAD")
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
