package ci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every action is pinned by its commit, with the version that a person reads.
func TestActionsArePinned(t *testing.T) {
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(workflows) == 0 {
		t.Fatal("no workflows", err)
	}
	pinned := regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	actions := 0
	for _, path := range workflows {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); !strings.Contains(line, "uses: ") {
				continue
			}
			if actions++; !pinned.MatchString(line) {
				t.Errorf("%s: %s", path, line)
			}
		}
	}
	if actions == 0 {
		t.Error("no workflow uses an action")
	}
}
