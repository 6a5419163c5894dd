package progress_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gitops/ci/progress"
	"gitops/ci/terminal"
)

// untimed replaces times, which are those of a busy machine.
func untimed(text string) string {
	return regexp.MustCompile(`\d+\.\d s`).ReplaceAllString(text, "TIME")
}

func TestTracksAreLines(t *testing.T) {
	var out safe
	p := progress.NewProgress(&out)
	web, api := p.Track("web"), p.Prefix("host-2").Track("api")
	web.Phase("starting 100%")
	web.Phase("starting 100%")
	api.Phase("waiting for its gate")
	web.End(nil)
	api.End(errors.New("no"))
	api.End(nil)
	p.Track("db").EndAs("unchanged")
	want := "web: starting 100% (TIME)\nhost-2: api: waiting for its gate (TIME)\nweb: done (TIME)\nhost-2: api: failed (TIME)\ndb: unchanged (TIME)\n"
	if got := untimed(out.String()); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, silent := range []*progress.Progress{nil, {}, progress.NewProgress(nil)} {
		track := silent.Prefix("nobody").Track("hears")
		track.Phase("this")
		track.End(nil)
	}
}

func TestLongWorkSaysThatItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out safe
		p := progress.NewProgress(&out)
		track := p.Track("web")
		track.Phase("draining")
		time.Sleep(31 * time.Second)
		track.End(nil)
		want := "web: draining (0.0 s)\nweb: draining … 15.0 s so far\nweb: draining … 30.0 s so far\nweb: done (31.0 s)\n"
		if out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
	})
}

// GitHub knows no group in a group: the lines of a step within a step are part of
// its group, and the outcome can be read without unfolding it.
func TestStepsAreGroupsOnGitHub(t *testing.T) {
	var out safe
	p := progress.NewView(&out, progress.View{Commands: &out, Clean: func(text string) string {
		return strings.ReplaceAll(text, "hunter2", "[REDACTED]")
	}})
	end := p.Start("roll 50% of hunter2\n::error::x")
	inner := p.Start("pull")
	track := p.Track("web")
	track.Phase("starting")
	track.End(nil)
	inner(nil)
	end(errors.New("no"))
	p.Prefix("host-2").Start("push")(nil)
	want := `::group::roll 50%25 of [REDACTED] ::error::x
roll 50% of hunter2
::error::x …
pull …
web: starting (TIME)
web: done (TIME)
pull: done (TIME)
::endgroup::
roll 50% of hunter2
::error::x: failed (TIME)
host-2: push …
host-2: push: done (TIME)
`
	if got := untimed(out.String()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// rows is the last table on a terminal's output.
func rows(text string) string {
	_, text, _ = strings.Cut(text[max(0, strings.LastIndex(text, "\x1b[?7l")):], "\x1b[?7l")
	text, _, _ = strings.Cut(text, "\x1b[?7h")
	return untimed(text)
}

func TestTracksAreATableOnATerminal(t *testing.T) {
	var out safe
	screen := terminal.NewScreen(&out, func() int { return 24 })
	p := progress.NewView(screen, progress.View{Screen: screen, Clean: func(text string) string {
		return strings.ReplaceAll(terminal.Strip(text), "hunter2", "[REDACTED]")
	}})
	end := p.Start("roll")
	web := p.Track("backend\x1b[31m")
	web.Phase("starting\nhunter2")
	if got, want := rows(out.String()), "    TIME  roll\n    TIME  backend  starting [REDACTED]\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	before := out.String()
	time.Sleep(1200 * time.Millisecond)
	if out.String() == before {
		t.Error("the times stand still")
	}
	web.End(nil)
	if got, want := rows(out.String()), "    TIME  roll\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	end(nil)
	if !strings.HasSuffix(untimed(out.String()), "\x1b[1A\r\x1b[Jroll: done (TIME)\n") {
		t.Errorf("the table stays: %q", out.String())
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("a secret shows in %q", out.String())
	}
}

// Who does not say how text becomes clean gets no text of others on the terminal.
func TestNoTableWithoutACleaner(t *testing.T) {
	var out safe
	p := progress.NewView(io.Discard, progress.View{Screen: terminal.NewScreen(&out, func() int { return 24 })})
	p.Track("hunter2").End(nil)
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("got %q", out.String())
	}
}

func TestManyTracksAtOnce(*testing.T) {
	for _, screen := range []*terminal.Screen{nil, terminal.NewScreen(io.Discard, func() int { return 24 })} {
		p := progress.NewView(io.Discard, progress.View{Screen: screen, Commands: io.Discard})
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				end, track := p.Start(fmt.Sprint("step ", i)), p.Track(fmt.Sprint("service ", i))
				track.Phase("on its way")
				p.Say("a line")
				track.End(nil)
				end(nil)
			})
		}
		all.Wait()
	}
}
