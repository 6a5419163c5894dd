package secret_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"gitops/ci/secret"
)

// randomText is made of few letters and pieces, so that secrets overlap, contain
// each other and end where another begins.
func randomText(random *rand.Rand, pieces []string, length int) string {
	var text strings.Builder
	for range random.IntN(length) {
		text.WriteString(pieces[random.IntN(len(pieces))])
	}
	return text.String()
}

// inChunks writes text to w in pieces of random length.
func inChunks(t *testing.T, random *rand.Rand, w interface {
	Write([]byte) (int, error)
	Close() error
}, text string) {
	t.Helper()
	for rest := []byte(text); len(rest) > 0; {
		n := 1 + random.IntN(min(len(rest), 1+random.IntN(40)))
		if written, err := w.Write(rest[:n]); written != n || err != nil {
			t.Fatalf("wrote %d of %d: %v", written, n, err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestChunksMakeNoDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "ab", " ", "\n", "é", "-", "aaaa"}
	for range 3000 {
		var values []secret.Value
		pieces := slices.Clone(letters)
		for range 1 + random.IntN(4) {
			value := randomText(random, letters, 12)
			values = append(values, secret.New(value))
			pieces = append(pieces, value, value[:len(value)/2], base64.StdEncoding.EncodeToString([]byte(value)))
		}
		text := randomText(random, pieces, 30)
		r := secret.NewRedactor(values...)
		var out bytes.Buffer
		inChunks(t, random, r.Writer(&out), text)
		if want := r.Redact(text); out.String() != want {
			t.Fatalf("secrets %q in %q:\nchunks %q\nwhole  %q", reveal(values), text, out.String(), want)
		}
		for _, value := range values {
			if long := strings.TrimSpace(value.Reveal()); len([]rune(long)) >= 8 && strings.Contains(out.String(), long) {
				t.Fatalf("%q is in %q", long, out.String())
			}
		}
	}
}

func reveal(values []secret.Value) (all []string) {
	for _, value := range values {
		all = append(all, value.Reveal())
	}
	return all
}

func FuzzWriter(f *testing.F) {
	f.Add("correct horse", "battery", "a correct horse's battery", uint64(1))
	f.Add("aaaab", "aab", "aaaaaaaaab", uint64(2))
	f.Add("two\nlines", "lines", "two\nlines\ntwo\n", uint64(3))
	f.Fuzz(func(t *testing.T, one, two, text string, seed uint64) {
		r := secret.NewRedactor(secret.New(one), secret.New(two))
		random := rand.New(rand.NewPCG(seed, 0))
		text = one[:len(one)/2] + text + two + text
		var out bytes.Buffer
		inChunks(t, random, r.Writer(&out), text)
		if want := r.Redact(text); out.String() != want {
			t.Fatalf("chunks %q\nwhole  %q", out.String(), want)
		}
	})
}

// steps collects what each write passes on.
type steps struct{ all []string }

func (s *steps) Write(p []byte) (int, error) {
	s.all = append(s.all, string(p))
	return len(p), nil
}

func TestWriterHoldsBackOnlyBeginnings(t *testing.T) {
	out := &steps{}
	w := secret.NewRedactor(secret.New(hidden), secret.New("hunt3r"), secret.New("top line\nbottom line")).Writer(out)
	for _, step := range []struct{ write, passed string }{
		{"planning …\n", "planning …\n"},
		{"10%", "10%"},
		{"it is correct", "it is "},
		{" is it\n", "correct is it\n"},
		{"it is correct ho", "it is "},
		{"rse battery\n", "[REDACTED]\n"},
		{"name hunt3r", "name "}, // a longer word may follow
		{"s\n", "hunt3rs\n"},
		{"hunt3r", ""},
		{"\n", "[REDACTED]\n"},
		{"a top line\n", "a "}, // what follows may be the rest
		{"other\n", "[REDACTED]\nother\n"},
		{"correct", ""},
	} {
		before := len(out.all)
		if _, err := w.Write([]byte(step.write)); err != nil {
			t.Fatal(err)
		}
		if passed := strings.Join(out.all[before:], ""); passed != step.passed {
			t.Errorf("writing %q passed on %q, want %q", step.write, passed, step.passed)
		}
	}
	if err := w.Close(); err != nil || out.all[len(out.all)-1] != "correct" {
		t.Errorf("closing: %v, passed on %q", err, out.all[len(out.all)-1])
	}
}

func TestLaterSecretsAreTakenOutToo(t *testing.T) {
	var out bytes.Buffer
	r := secret.NewRedactor(secret.New(hidden))
	w := r.Writer(&out)
	fmt.Fprint(w, "known later\ncorrect ")
	r.Add(secret.New("known later"), secret.New("correct answer"))
	fmt.Fprint(w, "answer\nknown later\n")
	if err := w.Close(); err != nil || out.String() != "known later\n[REDACTED]\n[REDACTED]\n" {
		t.Errorf("wrote %q, %v", out.String(), err)
	}
}

func TestWriterIsSafeForConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	r := secret.NewRedactor(secret.New("planted-0"))
	w := r.Terminal(&out)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 200 {
				fmt.Fprintf(w, "worker %d has planted-%d\n", i, i)
				r.Add(secret.New(fmt.Sprintf("planted-%d", i)))
			}
		})
	}
	group.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var i int
		if _, err := fmt.Sscanf(line, "worker %d has", &i); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("a line was torn: %q", line)
		}
	}
	if strings.Contains(out.String(), "planted-0") || strings.Count(out.String(), "\n") != 1600 {
		t.Error("a secret was passed on, or a line is missing")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriterTellsOfErrors(t *testing.T) {
	w := secret.NewRedactor(secret.New(hidden)).Terminal(broken{})
	if _, err := w.Write([]byte("text\n")); err == nil {
		t.Error("the error was lost")
	}
}

// A control sequence inside a secret does not hide it, and a secret does not hide
// a command.
func TestTerminalCleansBeforeItRedacts(t *testing.T) {
	var out bytes.Buffer
	w := secret.NewRedactor(secret.New(hidden), secret.New("::planted::"), secret.New("\x1b[1mbold secret\u200b")).Terminal(&out)
	fmt.Fprint(w, "correct \x1b[31mhorse\u200b battery ##"+hidden+"\n::planted::\n  ::error::x\n\x1b[1mbold secret\u200b\n")
	fmt.Fprint(w.Commands(), "::group::ours\n")
	fmt.Fprint(w, "half a line")
	fmt.Fprint(w.Commands(), "::endgroup::\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "[REDACTED] ## [REDACTED]\n[REDACTED]\n  : :error::x\n[REDACTED]\n::group::ours\nhalf a line\n::endgroup::\n"
	if out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}

func BenchmarkWriter(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	var values []secret.Value
	for range 20 { // about 20 forms each
		key := make([]byte, 30)
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		values = append(values, secret.New(base64.StdEncoding.EncodeToString(key)))
	}
	line := "module.server.aws_instance.server: Still creating... [id=i-0123456789abcdef0, 00m10s elapsed]\n"
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(line, 10)))
	chunk := []byte(strings.Repeat(line+encoded+"\n", 20))
	r := secret.NewRedactor(values...)
	for name, w := range map[string]interface{ Write([]byte) (int, error) }{"redact": r.Writer(discard{}), "terminal": r.Terminal(discard{})} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				_, _ = w.Write(chunk)
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			secret.NewRedactor(values...)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
