package robot

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// apply replays the intent on t. It returns the files that changed, by their paths:
// nil when there is nothing to commit; the result then says why.
func (j *job) apply(ctx context.Context, t *tip) (map[string][]byte, error) {
	rewritten, changes, err := j.bump(ctx, t, j.Images)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && j.target != j.Branch {
		return nil, nil // proposed before; what it changes in Branch is known
	}
	j.result.Outcome, j.result.Changes, j.result.Superseded, j.result.SupersededBy = Unchanged, nil, nil, ""
	if len(changes) == 0 {
		return nil, nil
	}
	newer, err := j.newer(ctx, t, changes)
	if err != nil {
		return nil, err
	}
	if len(newer) > 0 {
		if rewritten, changes, err = j.applyRest(ctx, t, newer); err != nil {
			return nil, err
		}
	}
	j.result.Changes = changes
	j.warn(ctx)
	return rewritten, nil
}

// bump brings images into the files of t and returns those that changed.
func (j *job) bump(ctx context.Context, t *tip, images map[string]string) (map[string][]byte, []manifest.Change, error) {
	o := compose.BumpOptions{
		Options:    manifest.Options{File: j.target + ":" + j.Manifest, Force: j.Force, Pin: j.Pin},
		ValuesFile: j.target + ":" + j.Values,
	}
	before := compose.Texts{Manifest: t.files[j.Manifest], Values: t.files[j.Values]}
	var changes []manifest.Change
	after, err := progress.Await(ctx, "reading "+o.File, func() (after compose.Texts, err error) {
		after, changes, err = compose.Bump(before, images, o)
		return after, err
	})
	if err != nil {
		return nil, nil, err
	}
	changed := map[string][]byte{}
	if !bytes.Equal(before.Manifest, after.Manifest) {
		changed[j.Manifest] = after.Manifest
	}
	if !bytes.Equal(before.Values, after.Values) {
		changed[j.Values] = after.Values
	}
	return changed, changes, nil
}

// applyRest replays the intent without the services that run something newer.
func (j *job) applyRest(ctx context.Context, t *tip, newer map[string]string) (map[string][]byte, []manifest.Change, error) {
	j.result.Superseded = newer
	first := slices.Sorted(maps.Keys(newer))[0]
	j.result.SupersededBy = newer[first]
	rest := maps.Clone(j.Images)
	maps.DeleteFunc(rest, func(service, _ string) bool { return newer[service] != "" })
	for _, service := range slices.Sorted(maps.Keys(newer)) {
		j.Progress.Say("%s runs %s, which is newer than %s: left alone", service, newer[service], j.Commit)
	}
	if len(rest) == 0 {
		j.result.Outcome = Superseded
		return nil, nil, nil
	}
	rewritten, changes, err := j.bump(ctx, t, rest)
	if err == nil && len(changes) == 0 {
		j.result.Outcome = Superseded
		return nil, nil, nil
	}
	return rewritten, changes, err
}

// newer returns the services whose image was built from a commit that descends
// from ours, with that commit.
func (j *job) newer(ctx context.Context, t *tip, changes []manifest.Change) (map[string]string, error) {
	newer := map[string]string{}
	if j.Unordered || j.target != j.Branch {
		return newer, nil // no order wanted, or decided before the change was proposed
	}
	for _, change := range changes {
		running := runningCommit(change.Old)
		order, err := j.order(ctx, t, running)
		if err != nil {
			return nil, err
		}
		switch order.relation {
		case descends:
			newer[change.Service] = order.running
		case stranger:
			j.Progress.Say("%s runs %s, which is not in the history of %s: replacing it", change.Service, running, j.HistoryBranch)
		case sibling:
			return nil, j.refused("%s runs %s, and neither that nor %s descends from the other, so nothing says which is newer: "+
				"build a commit that has both, such as the tip of %s, and bump that; --unordered writes the ref all the same",
				change.Service, order.running, j.Commit, j.HistoryBranch)
		case gone:
			return nil, j.refused("commit %s is not in the history of %s of %s: it was rewritten since, or belongs elsewhere. "+
				"Build what %s holds now and bump that; or say where the commit belongs with --history-repo and --history-branch; "+
				"--unordered writes the ref all the same", j.Commit, j.HistoryBranch, j.HistoryURL, j.HistoryBranch)
		}
	}
	return newer, nil
}

var (
	shaTag   = regexp.MustCompile(`^(?:sha-)?([0-9a-f]{7,40}|[0-9a-f]{64})$`)
	decimals = regexp.MustCompile(`^[0-9]{1,39}$`) // a date or a build number
)

// runningCommit returns the commit, perhaps shortened, that an image's tag
// names; "" when the tag is no SHA.
func runningCommit(ref string) string {
	parsed, err := manifest.ParseReference(ref)
	if err != nil || decimals.MatchString(parsed.Tag) {
		return ""
	}
	if found := shaTag.FindStringSubmatch(parsed.Tag); found != nil {
		return found[1]
	}
	return ""
}

// landed reports whether our last commit is on the branch although the push
// seemed to fail: the answer of the server was lost.
func (j *job) landed(ctx context.Context, t *tip) bool {
	if j.mine == "" {
		return false
	}
	ok, err := j.git.isAncestor(ctx, j.repo, j.mine, t.commit)
	return ok && err == nil
}

func (j *job) warn(ctx context.Context) {
	if !j.SkipCI || j.result.Warnings != nil {
		return
	}
	j.result.Warnings = []string{}
	for _, workflow := range j.skippedWorkflows(ctx) {
		warning := fmt.Sprintf("%s in this commit also keeps %s from running when %s is fast-forwarded to it; merge with a merge commit, or leave --skip-ci out",
			skipCI, workflow.file, strings.Join(workflow.branches, ", "))
		j.result.Warnings = append(j.result.Warnings, warning)
		j.Progress.Say("warning: %s", warning)
	}
}
