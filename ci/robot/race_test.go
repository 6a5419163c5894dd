package robot

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRace lets 20 robots and 5 people push to one branch at once: everything
// lands, in one line of history, and nothing is lost.
func TestRace(t *testing.T) {
	t.Parallel()
	const robots, people, each = 20, 5, 3
	w := newWorld(t)
	w.write(composePath, manyServices(robots))
	start := w.commit("Many services")
	w.push("HEAD:integration")

	var crowd sync.WaitGroup
	results := make([]Result, robots)
	for i := range robots {
		crowd.Go(func() {
			o := w.options(start)
			o.Images = map[string]string{fmt.Sprintf("s%d", i): ref("app", fmt.Sprintf("from-%d", i))}
			var err error
			if results[i], err = Push(t.Context(), o); err != nil {
				t.Errorf("robot %d: %v", i, err)
			}
		})
	}
	for i := range people {
		clone := w.newClone(fmt.Sprintf("person-%d", i))
		crowd.Go(func() { w.person(clone, i, each) })
	}
	crowd.Wait()

	text := w.at("integration:" + composePath)
	history := strings.Fields(w.git(w.bare, "rev-list", "integration"))
	files := strings.Fields(w.git(w.bare, "ls-tree", "--name-only", "integration"))
	landed := map[string]bool{}
	for i, result := range results {
		if result.Outcome != Pushed || landed[result.Commit] {
			t.Errorf("robot %d: %+v", i, result)
		}
		landed[result.Commit] = true
		if !slices.Contains(history, result.Commit) {
			t.Errorf("the commit of robot %d is lost: %s", i, result.Commit)
		}
		if !strings.Contains(text, fmt.Sprintf("s%d:\n    image: owner/app:from-%d # robot %d\n", i, i, i)) {
			t.Errorf("the intent of robot %d is lost", i)
		}
	}
	for i := range people {
		for n := range each {
			if name := fmt.Sprintf("person-%d-%d.txt", i, n); !slices.Contains(files, name) {
				t.Errorf("%s is lost", name)
			}
		}
	}
	if merges := w.git(w.bare, "rev-list", "--merges", "integration"); merges != "" {
		t.Errorf("merges: %s", merges)
	}
	if got, want := len(history), 2+robots+people*each; got != want {
		t.Errorf("%d commits on the branch, want %d", got, want)
	}
	w.git(w.bare, "fsck", "--strict")
}

// person commits and pushes the way people do: pull --rebase until it works.
func (w *world) person(clone string, i, commits int) {
	for n := range commits {
		name := fmt.Sprintf("person-%d-%d.txt", i, n)
		begun := time.Now()
		if out, err := w.run(clone, "pull", "--quiet", "--rebase", "origin", "integration"); err != nil {
			w.Errorf("person %d: %v %s", i, err, out)
			return
		}
		if err := os.WriteFile(filepath.Join(clone, name), []byte(name), 0o644); err != nil {
			w.Error(err)
			return
		}
		_, err := w.run(clone, "add", name)
		if err == nil {
			_, err = w.run(clone, "commit", "--quiet", "--message", "Add "+name)
		}
		for try := 0; err == nil; try++ {
			out, pushErr := w.run(clone, "push", "--quiet", "origin", "HEAD:integration")
			if pushErr == nil {
				break
			}
			if try == 100 {
				err = fmt.Errorf("not pushed after %d tries: %s", try, out)
				break
			}
			// As robots do: without it, people and server are busy with tries that fail.
			time.Sleep(rand.N(8 * time.Since(begun)))
			begun = time.Now()
			_, err = w.run(clone, "pull", "--quiet", "--rebase", "origin", "integration")
		}
		if err != nil {
			w.Errorf("person %d: %v", i, err)
			return
		}
	}
}

func manyServices(n int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    image: owner/app:first # robot %d\n", i, i)
	}
	return b.String()
}

// TestRaceOnOneService lets builds of one service finish in any order: in the
// end the newest runs, whichever was slow.
func TestRaceOnOneService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var commits []string
	for i := range 8 {
		commits = append(commits, w.code(fmt.Sprint(i)))
	}
	newest := commits[len(commits)-1]
	rand.Shuffle(len(commits), func(i, j int) { commits[i], commits[j] = commits[j], commits[i] })
	var crowd sync.WaitGroup
	for _, commit := range commits {
		crowd.Go(func() {
			result, err := Push(t.Context(), w.options(commit))
			if err != nil || (result.Outcome != Pushed && result.Outcome != Superseded) {
				t.Errorf("%s: %+v %v", commit, result, err)
			}
		})
	}
	crowd.Wait()
	w.wantManifest("owner/backend:first", ref("backend", newest))
}
