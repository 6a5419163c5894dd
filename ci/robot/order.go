package robot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// relation is how the commit that runs relates to ours.
type relation int

const (
	precedes relation = iota // ours is newer, or nothing is known against it
	descends                 // what runs is newer
	stranger                 // what runs is not in the history
	sibling                  // both are in the history, neither descends from the other
	gone                     // ours is not in the history
)

// order is a relation and the full name of the commit that runs.
type order struct {
	relation relation
	running  string
}

// history is a copy of the branch's commits alone, as deep as was needed.
type history struct {
	git         *git
	local       *git // for questions about what is here
	repo        string
	url, branch string
	depth       int
	complete    bool
	decided     map[string]order
}

const (
	firstDepth = 8
	tipRef     = "refs/robot/tip"
)

// order finds how running, a commit or "", relates to ours. It fetches history
// only where the tip itself does not tell.
func (j *job) order(ctx context.Context, t *tip, running string) (order, error) {
	if running == j.Commit {
		running = "" // built again: only ask whether ours is still there
	}
	ours := j.HistoryURL == j.RepoURL && j.HistoryBranch == j.Branch
	if ours && (t.commit == j.Commit || (len(t.parents) == 1 && t.parents[0] == j.Commit)) {
		// All history is ours or older. The tip on top of it is the robot's or a
		// person's: what runs cannot be built from it unless it names it.
		if running == "" || !strings.HasPrefix(t.commit, running) {
			return order{precedes, running}, nil
		}
	}
	if err := j.openHistory(ctx, t, ours); err != nil {
		return order{}, err
	}
	if known, ok := j.past.decided[running]; ok {
		return known, nil
	}
	decided, err := j.past.order(ctx, j.Commit, running)
	if err == nil {
		j.past.decided[running] = decided
		j.known = t.commit
	}
	return decided, err
}

// openHistory makes the history, anew if the branch was rewritten since.
func (j *job) openHistory(ctx context.Context, t *tip, ours bool) error {
	if j.past != nil && (!ours || j.grew(ctx, t)) {
		return nil
	}
	name := fmt.Sprintf("history-%d.git", j.result.Attempts)
	repo, err := j.git.initBare(ctx, name, j.Commit)
	if err != nil {
		return err
	}
	j.past = &history{git: j.git, local: j.git.offline(), repo: repo, url: j.HistoryURL, branch: j.HistoryBranch, decided: map[string]order{}}
	return nil
}

// grew reports whether t came out of the tip for which the order was decided.
func (j *job) grew(ctx context.Context, t *tip) bool {
	ok, err := j.git.isAncestor(ctx, j.repo, j.known, t.commit)
	return ok && err == nil
}

// order deepens until the relation of the two commits is certain.
func (h *history) order(ctx context.Context, ours, running string) (order, error) {
	for {
		if h.depth > 0 {
			decided, found, err := h.look(ctx, ours, running)
			if found || err != nil {
				return decided, err
			}
		}
		if err := h.deepen(ctx); err != nil {
			return order{}, err
		}
	}
}

// look decides with the history that there is; found is false if deeper
// history could say something else.
func (h *history) look(ctx context.Context, ours, running string) (decided order, found bool, err error) {
	here, err := h.local.isAncestor(ctx, h.repo, ours, tipRef)
	if err != nil || (!here && !h.complete) {
		return order{}, false, err
	}
	if !here {
		return order{gone, running}, true, nil
	}
	if running == "" {
		return order{precedes, ""}, true, nil
	}
	name, known := h.resolve(ctx, running)
	if !known {
		return order{stranger, running}, h.complete, nil
	}
	if older, err := h.local.isAncestor(ctx, h.repo, ours, name); older || err != nil {
		return order{descends, name}, true, err
	}
	if newer, err := h.local.isAncestor(ctx, h.repo, name, ours); newer || err != nil {
		return order{precedes, name}, true, err
	}
	return order{sibling, name}, h.complete, nil
}

// resolve returns the full name of a commit of the history.
func (h *history) resolve(ctx context.Context, running string) (string, bool) {
	name, err := h.local.text(ctx, h.repo, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", running+"^{commit}")
	if err != nil {
		return "", false
	}
	reachable, err := h.local.isAncestor(ctx, h.repo, name, tipRef)
	return name, reachable && err == nil
}

// deepen fetches twice as many generations of commits; of their content
// nothing, where the server can leave that out.
func (h *history) deepen(ctx context.Context) error {
	h.depth = max(firstDepth, 2*h.depth)
	_, err := h.git.run(ctx, h.repo, nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=tree:0",
		"--depth="+strconv.Itoa(h.depth), "--end-of-options", h.url, "+refs/heads/"+h.branch+":"+tipRef)
	if err != nil {
		return h.git.remoteError(ctx, err, "fetching the history of "+h.branch+" of "+h.url, h.url, h.branch)
	}
	shallow, err := h.local.text(ctx, h.repo, nil, "rev-parse", "--is-shallow-repository")
	h.complete = shallow == "false"
	return err
}
