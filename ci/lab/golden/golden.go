// Package golden compares what tests make with golden files: results that
// somebody read and committed.
package golden

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// UpdateVariable is the environment variable that, when it is "1", makes tests
// write their golden files instead of comparing them.
const UpdateVariable = "UPDATE_GOLDEN"

// Updating reports whether tests write their golden files.
func Updating() bool { return os.Getenv(UpdateVariable) == "1" }

// Compare fails the test when the golden file at path does not hold got, and
// shows the first line that differs. It writes the file instead when Updating.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	if Updating() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (%s=1 writes it); the test made\n%s", err, UpdateVariable, got)
	}
	if difference := firstDifference(string(want), got); difference != "" {
		t.Errorf("%s differs %s\n(%s=1 writes it)", path, difference, UpdateVariable)
	}
}

// firstDifference returns where got first differs from want, nothing if they are
// the same.
func firstDifference(want, got string) string {
	if got == want {
		return ""
	}
	wants, gots := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	line := 0
	for line < min(len(wants), len(gots)) && wants[line] == gots[line] {
		line++
	}
	return describe(line, wants, gots)
}

func describe(line int, wants, gots []string) string {
	at := func(lines []string) string {
		if line < len(lines) {
			return strconv.Quote(lines[line])
		}
		return "nothing"
	}
	return fmt.Sprintf("in line %d:\n got %s\nwant %s", line+1, at(gots), at(wants))
}
