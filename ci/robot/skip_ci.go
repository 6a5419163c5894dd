package robot

import (
	"context"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// workflow is a GitHub workflow that runs on pushes to other branches than ours.
type workflow struct {
	file     string
	branches []string
}

// skippedWorkflows returns the workflows of the tip that [skip ci] in our
// commit would also stop: GitHub looks at the head commit of whatever branch it
// is pushed to later.
func (j *job) skippedWorkflows(ctx context.Context) (skipped []workflow) {
	out, err := j.git.text(ctx, j.repo, nil, "ls-tree", "-z", "--name-only", tipRef, ".github/workflows/")
	if err != nil || out == "" {
		return nil
	}
	for _, file := range strings.Split(strings.Trim(out, "\x00"), "\x00") {
		text, err := j.git.run(ctx, j.repo, nil, "cat-file", "blob", tipRef+":"+file)
		if err != nil {
			continue
		}
		branches := slices.DeleteFunc(pushBranches(text), func(name string) bool { return name == j.Branch })
		if len(branches) > 0 {
			skipped = append(skipped, workflow{file, branches})
		}
	}
	return skipped
}

// pushBranches returns the branches whose pushes start a workflow; "any other
// branch" when it does not say.
func pushBranches(text []byte) []string {
	var parsed struct {
		On yaml.Node `yaml:"on"`
	}
	if yaml.Unmarshal(text, &parsed) != nil {
		return nil
	}
	var names []string
	var events map[string]struct {
		Branches []string `yaml:"branches"`
	}
	switch parsed.On.Kind {
	case yaml.ScalarNode:
		names = []string{parsed.On.Value}
	case yaml.SequenceNode:
		_ = parsed.On.Decode(&names) // a list of something else names no push
	case yaml.MappingNode:
		_ = parsed.On.Decode(&events)
		if push, ok := events["push"]; ok && len(push.Branches) > 0 {
			return push.Branches
		} else if ok {
			names = []string{"push"}
		}
	}
	if slices.Contains(names, "push") {
		return []string{"any other branch"}
	}
	return nil
}
