package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/program"
)

// maxDiffering is how many files a warning names.
const maxDiffering = 5

// comparison compares the files of a manifest with a commit, where they are in a git
// work tree that has it.
type comparison struct {
	root   string // folder that the files are relative to
	commit string
	files  []string // that the manifest names, secrets left out: nobody commits them
}

// compareCommit returns warnings of how the files of a manifest differ from the commit
// that a deploy is named after. Without git, or outside of a work tree, there are none.
func compareCommit(ctx context.Context, root, commit string, m *compose.Manifest) (warnings []string) {
	c := comparison{root: root, commit: commit}
	for _, file := range m.Files {
		if file.Use != compose.UseSecret {
			c.files = append(c.files, file.Path)
		}
	}
	head, err := c.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil || len(head) != 1 {
		return nil
	}
	if !strings.HasPrefix(head[0], commit) {
		warnings = append(warnings, fmt.Sprintf("the work tree is at commit %.12s, and the release is named after %.12s: the files come from the work tree", head[0], commit))
	}
	if files := c.differing(ctx); len(files) > 0 {
		more := ""
		if len(files) > maxDiffering {
			files, more = files[:maxDiffering], fmt.Sprintf(" and %d more", len(files)-maxDiffering)
		}
		warnings = append(warnings, fmt.Sprintf("not as in commit %.12s: %s%s; the files come from the work tree", commit, strings.Join(files, ", "), more))
	}
	return warnings
}

// differing returns the files that are not as in the commit, and those that git has
// not and does not ignore. There are none where git does not have the commit.
func (c comparison) differing(ctx context.Context) []string {
	changed, err := c.git(ctx, append([]string{"diff", "--name-only", "--relative", "--no-ext-diff", "--no-textconv", "-z", c.commit, "--"}, c.files...)...)
	if err != nil {
		return nil
	}
	added, err := c.git(ctx, append([]string{"ls-files", "--others", "--exclude-standard", "-z", "--"}, c.files...)...)
	if err != nil {
		return nil
	}
	all := slices.Concat(changed, added)
	slices.Sort(all)
	return slices.Compact(all)
}

// git returns what git says about the work tree, text by text. It writes nothing there.
func (c comparison) git(ctx context.Context, args ...string) ([]string, error) {
	out, err := program.Run(ctx, program.Command{
		Name: "git", Args: append([]string{"--literal-pathspecs", "-c", "core.fsmonitor=false"}, args...), Dir: c.root,
		Pass: slices.Concat(program.Machine, []string{"GIT_CONFIG_*", "GIT_EXEC_PATH"}), Env: []string{"GIT_OPTIONAL_LOCKS=0"},
	})
	return strings.FieldsFunc(string(out.Stdout), func(r rune) bool { return r == 0 || r == '\n' }), err
}
