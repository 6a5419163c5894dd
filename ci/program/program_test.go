package program_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitops/ci/program"
	"gitops/ci/secret"
)

func shell(script string) program.Command {
	return program.Command{Name: "sh", Args: []string{"-c", script}, Pass: program.Machine}
}

func TestRunGivesWhatWasAskedFor(t *testing.T) {
	t.Setenv("APP_NAME", "app")
	t.Setenv("APP_TOKEN", "of this process")
	t.Setenv("OTHER", "kept here")
	c := shell(`pwd -P; cat; echo "$APP_NAME, $APP_TOKEN, ${OTHER-nothing}"; echo words >&2`)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Dir, c.Stdin, c.Log = dir, strings.NewReader("input\n"), &log
	c.Pass, c.Env = []string{"PATH", "APP_*"}, []string{"APP_TOKEN=given=twice"}
	out, err := program.Run(t.Context(), c)
	if want := dir + "\ninput\napp, given=twice, nothing\n"; err != nil || string(out.Stdout) != want || out.Said != "words\n" || log.String() != "words\n" {
		t.Errorf("%q, %q, log %q, %v; want %q", out.Stdout, out.Said, log.String(), err, want)
	}
}

func TestErrorHasTheLastWords(t *testing.T) {
	c := shell(`echo data; seq 1000 >&2; echo "token is hunter2-hunter2" >&2; exit 7`)
	c.Redactor = secret.NewRedactor(secret.New("hunter2-hunter2"))
	out, err := program.Run(t.Context(), c)
	var failed *program.Error
	if !errors.As(err, &failed) || failed.Exit != 7 || string(out.Stdout) != "data\n" || failed.Said != out.Said {
		t.Fatalf("%+v, %v", out, err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "sh: exit status 7: 982\n") || !strings.HasSuffix(text, "token is [REDACTED]") {
		t.Errorf("error is %q", text)
	}
	if _, err := program.Run(t.Context(), shell("kill -9 $$")); !errors.As(err, &failed) || failed.Exit != -1 || err.Error() != "sh: signal: killed: it said nothing" {
		t.Errorf("a killed program: %v", err)
	}
	if _, err := program.Run(t.Context(), program.Command{Name: "no-such-program", Args: []string{"push"}}); !program.Missing(err) || !strings.Contains(err.Error(), "no-such-program push") {
		t.Errorf("a missing program: %v", err)
	}
}

func TestMergeKeepsTheOrder(t *testing.T) {
	c := shell("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
	c.Merge = true
	if out, err := program.Run(t.Context(), c); err != nil || out.Said != "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n" || out.Stdout != nil {
		t.Errorf("%q, %q, %v", out.Said, out.Stdout, err)
	}
}

// TestOutputIsBounded runs a program that never stops writing.
func TestOutputIsBounded(t *testing.T) {
	program.LimitStdout(t, 1000)
	out, err := program.Run(t.Context(), shell("yes"))
	if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "more than 1000 bytes") || len(out.Stdout) != 1000 {
		t.Errorf("%d bytes, %v", len(out.Stdout), err)
	}
	c := shell("echo first; yes words | head -c 1000000; echo last; exit 1")
	c.Merge = true
	out, err = program.Run(t.Context(), c)
	if err == nil || len(out.Said) > 70_000 || !strings.HasPrefix(out.Said, "first\n") || !strings.HasSuffix(out.Said, "last\n") || !strings.Contains(out.Said, "bytes are left out") {
		t.Errorf("%d bytes of words, %v", len(out.Said), err)
	}
}

// TestCancelEndsTheChildrenToo cancels a program whose child ignores SIGTERM, and one
// that ends tidily.
func TestCancelEndsTheChildrenToo(t *testing.T) {
	dir := t.TempDir()
	why := errors.New("the operator went home")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := shell(`trap 'echo tidy >tidy; exit 0' TERM
sh -c 'trap "" TERM; echo $$ >child; while :; do sleep 0.05; done' &
while [ ! -s child ]; do sleep 0.01; done; echo ready >&2; wait`)
	c.Dir, c.Grace, c.Log = dir, 300*time.Millisecond, callback(func() { cancel(why) })
	begun := time.Now()
	_, err := program.Run(ctx, c)
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "running sh: the operator went home") {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := os.Stat(filepath.Join(dir, "tidy")); err != nil {
		t.Errorf("the program could not end tidily: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("child %d is still there", pid)
		}
	}
}

// alive reports whether the process runs; a zombie, which waits for its parent, does not.
func alive(pid int) bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return syscall.Kill(pid, 0) == nil && !bytes.Contains(status, []byte(") Z "))
}

// callback is a writer that calls itself with the first write.
type callback func()

func (c callback) Write(p []byte) (int, error) { c(); return len(p), nil }

// TestChildThatStaysDoesNotHang runs a program that leaves a child behind, which has
// its output open.
func TestChildThatStaysDoesNotHang(t *testing.T) {
	c := shell("echo done; sleep 60 &")
	c.Grace = 100 * time.Millisecond
	begun := time.Now()
	if out, err := program.Run(t.Context(), c); err != nil || string(out.Stdout) != "done\n" || time.Since(begun) > 10*time.Second {
		t.Errorf("%q, %v after %v", out.Stdout, err, time.Since(begun))
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("APP_A", "1")
	t.Setenv("APP_B", "2")
	t.Setenv("APPLE", "3")
	if got, want := program.Environ([]string{"APP_*", "NOT_SET"}, "APP_B=4", "APP_C=5=6"), []string{"APP_A=1", "APP_B=4", "APP_C=5=6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := program.Environ(nil); len(got) != 0 {
		t.Errorf("without names: %q", got)
	}
	if all := program.Environ([]string{"*"}); len(all) < 4 {
		t.Errorf("of everything: %q", all)
	}
}

// TestWordsCutNoLine writes a text whose cuts fall into lines with a secret.
func TestWordsCutNoLine(t *testing.T) {
	var words program.Words
	const line = "a line with the secret hunter2-hunter2\n"
	for range 10_000 {
		if n, err := words.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	text := words.String()
	kept := 0
	for each := range strings.Lines(text) {
		switch {
		case each == line:
			kept++
		case !strings.HasPrefix(each, "… ") || !strings.Contains(each, " "+strconv.Itoa(10_000*len(line)-(len(text)-len(each)))+" bytes"):
			t.Errorf("a line is %q", each)
		}
	}
	if kept < 1600 {
		t.Errorf("only %d lines are left", kept)
	}
	words.Reset()
	if words.String() != "" {
		t.Error("Reset leaves something")
	}
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"one":                           "one",
		"one\ntwo\n\nthree\n  \n":       "two\nthree",
		"one\r\n\x1b[31mred\x1b[0m\r\n": "one\nred",
	} {
		if got := program.LastLines(text, 2); got != want {
			t.Errorf("of %q: %q, want %q", text, got, want)
		}
	}
}

// TestQuoteIsReadByAShell has a shell print the words that it reads.
func TestQuoteIsReadByAShell(t *testing.T) {
	words := []string{"plain", "", "two words", "it's", `"$(id)"`, "a\nline", "~", "*", "a=b", "-n", "#", "ü", `\`, "!", "&& rm"}
	out, err := program.Run(t.Context(), shell(`printf '<%s>' `+program.Quote(words...)))
	if want := "<" + strings.Join(words, "><") + ">"; err != nil || string(out.Stdout) != want {
		t.Errorf("%q, %v; want %q", out.Stdout, err, want)
	}
	if got := program.Quote("docker", "image", "ls"); got != "docker image ls" {
		t.Errorf("plain words became %q", got)
	}
}
