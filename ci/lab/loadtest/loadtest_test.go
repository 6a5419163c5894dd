package loadtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/loadtest"
	"gitops/ci/progress"
)

var page = loadtest.Page("page", "/page", "the page", 1)

// Every kind that the lab sends is answered, at the rate and in the shares asked for.
func TestEveryKind(t *testing.T) {
	s := newServer(t)
	run := s.begin(loadtest.Load{Rate: 100, Kinds: []loadtest.Kind{
		loadtest.Page("page", "/page", "the page", 6),
		loadtest.Write("write", "/upload", "token", `{"title":"a"}`, "Bearer token 13", 2),
		loadtest.Slow("slow", "/slow", 300*time.Millisecond, 1),
		loadtest.Upload("upload", "/upload", 5<<20, 1),
		loadtest.Events("events", "/events", 3),
	}})
	time.Sleep(2 * time.Second)
	result := run.Stop()
	if len(result.Failed()) > 0 {
		t.Fatal(result)
	}
	for kind, want := range map[string]int{"page": 120, "write": 40, "slow": 20, "upload": 20} {
		if got := len(result.Of(kind).Requests); got < want-want/10-1 || got > want+want/10+1 {
			t.Errorf("%d requests of the kind %s, want about %d", got, kind, want)
		}
	}
	if got := len(result.Of("events").Requests); got != 3 {
		t.Errorf("%d streams, want 3 that never ended", got)
	}
	slow := result.Of("slow").Slowest()
	if slow.Latency < 300*time.Millisecond || slow.Over != slow.Latency-300*time.Millisecond {
		t.Errorf("the slow request took %s, %s over", slow.Latency, slow.Over)
	}
	if got := result.Versions()["1"]; got != len(result.Of("page").Requests) {
		t.Errorf("version 1 gave %d answers", got)
	}
}

// A server that restarts fails requests, all in the time that it was away, and cuts
// its streams.
func TestRestartFails(t *testing.T) {
	s := newServer(t)
	run := s.begin(loadtest.Load{Rate: 200, Kinds: []loadtest.Kind{page, loadtest.Events("events", "/events", 2)}})
	time.Sleep(time.Second)
	gone := run.Now()
	run.Mark("gone")
	s.web.Close()
	time.Sleep(500 * time.Millisecond)
	s.version = "2"
	s.start()
	back := run.Now()
	time.Sleep(2 * time.Second)
	result := run.Stop()
	failed := result.Of("page").Failed()
	if len(failed) < 80 || len(failed) > 115 || result.Of("page").Reasons()[loadtest.ReasonRefused] < 80 {
		t.Errorf("%d pages failed in half a second without a server: %s", len(failed), result)
	}
	if got := result.Of("events"); got.Reasons()[loadtest.ReasonCut] != 2 || len(got.Requests) < 4 {
		t.Errorf("two streams were cut and opened again: %s", got)
	}
	windows := result.Windows()
	if len(windows) != 1 || windows[0].From < gone-20*time.Millisecond || windows[0].To > back+20*time.Millisecond || windows[0].To-windows[0].From < 450*time.Millisecond {
		t.Errorf("failed in %v, away from %s to %s", windows, gone, back)
	}
	if versions := result.Versions(); versions["1"] == 0 || versions["2"] == 0 {
		t.Errorf("versions %v answered", versions)
	}
	checkSeries(t, result)
}

func checkSeries(t *testing.T, result loadtest.Result) {
	t.Helper()
	requests, failed := 0, 0
	for _, p := range result.Series(100 * time.Millisecond) {
		requests, failed = requests+p.Requests, failed+p.Failed
	}
	if requests != len(result.Requests) || failed != len(result.Failed()) {
		t.Errorf("the series has %d requests, %d failed; the record %d and %d", requests, failed, len(result.Requests), len(result.Failed()))
	}
	if len(result.Marks) != 1 || result.Marks[0].Name != "gone" {
		t.Errorf("marks: %v", result.Marks)
	}
}

// The server's own end of a stream is in order; a new one takes its place at once.
func TestStreamThatEndsInOrder(t *testing.T) {
	s := newServer(t)
	run := s.begin(loadtest.Load{Rate: 10, Kinds: []loadtest.Kind{page, loadtest.Events("events", "/events", 2)}})
	time.Sleep(1200 * time.Millisecond)
	going := s.going
	s.going = nil
	close(going)
	time.Sleep(200 * time.Millisecond)
	s.web.Close()
	result := run.Stop().Of("events")
	// Those that are opened now end at once too, in order; then the client waits.
	if len(result.Requests) != 4 || len(result.Failed()) > 0 {
		t.Errorf("%d streams, want 4 that ended in order: %s", len(result.Requests), result)
	}
}

// What a server does wrong has a reason that can be counted.
func TestReasons(t *testing.T) {
	for path, want := range map[string]string{
		"/broken": "status 502", "/hangs": loadtest.ReasonTimeout, "/half": loadtest.ReasonCut, "/missing": "status 404", "/upload": "status 405",
	} {
		s := newServer(t)
		run := s.begin(loadtest.Load{Rate: 20, Timeout: 300 * time.Millisecond, Kinds: []loadtest.Kind{loadtest.Page("page", path, "", 1)}})
		time.Sleep(200 * time.Millisecond)
		result := run.Stop()
		if got := result.Reasons(); len(result.Requests) < 3 || got[want] != len(result.Requests) {
			t.Errorf("%s: %v of %d, want %s", path, got, len(result.Requests), want)
		}
	}
	s := newServer(t)
	run := s.begin(loadtest.Load{Timeout: 200 * time.Millisecond, Kinds: []loadtest.Kind{
		loadtest.Page("wrong", "/page", "another page", 1), loadtest.Events("silent", "/silent", 1), loadtest.Events("closed", "/hangs", 1),
	}})
	time.Sleep(500 * time.Millisecond)
	result := run.Stop()
	for kind, want := range map[string]string{"wrong": loadtest.ReasonWrong, "silent": loadtest.ReasonSilent, "closed": loadtest.ReasonTimeout} {
		if result.Of(kind).Reasons()[want] == 0 {
			t.Errorf("%s: %v, want %s", kind, result.Of(kind).Reasons(), want)
		}
	}
}

// A server that stands still does not slow the load down: all that was due in the
// meantime is in the record, with its wait.
func TestLatencyCountsFromWhenItWasDue(t *testing.T) {
	s := newServer(t)
	run := s.begin(loadtest.Load{Rate: 200, Kinds: []loadtest.Kind{page}})
	time.Sleep(200 * time.Millisecond)
	s.stall.Lock()
	time.Sleep(500 * time.Millisecond)
	s.stall.Unlock()
	time.Sleep(200 * time.Millisecond)
	result := run.Stop()
	late := 0
	for _, one := range result.Requests {
		if one.Latency > 100*time.Millisecond {
			late++
		}
	}
	// 80 of the 100 that were due waited longer than 100 ms.
	if late < 70 || late > 100 || result.Slowest().Latency < 450*time.Millisecond || len(result.Failed()) > 0 {
		t.Errorf("%d requests waited longer than 100 ms: %s", late, result)
	}
}

// Connections are kept alive and used again.
func TestConnectionsAreUsedAgain(t *testing.T) {
	s := newServer(t)
	run := s.begin(loadtest.Load{Rate: 100, Kinds: []loadtest.Kind{page}})
	time.Sleep(500 * time.Millisecond)
	result := run.Stop()
	if opened := int(s.connections.Load()); opened > len(result.Requests)/3 || len(result.Failed()) > 0 {
		t.Errorf("%d connections were opened: %s", opened, result)
	}
}

// What happened between two times is what was under way then.
func TestBetween(t *testing.T) {
	result := loadtest.Result{Requests: []loadtest.Request{
		{Kind: "a", Start: 0, End: time.Second}, {Kind: "b", Start: 0, End: 5 * time.Second}, {Kind: "c", Start: 4 * time.Second, End: 5 * time.Second},
	}}
	if got := strings.Join(result.Between(2*time.Second, 3*time.Second).Kinds(), " "); got != "b" {
		t.Errorf("under way from 2 s to 3 s: %s", got)
	}
	if got := result.Percentile(99); got != 0 {
		t.Errorf("p99 is %s", got)
	}
}

func TestLoadIsChecked(t *testing.T) {
	for want, l := range map[string]loadtest.Load{
		"no address":   {Kinds: []loadtest.Kind{page}},
		"no kinds":     {URL: "http://localhost"},
		"same name":    {URL: "http://localhost", Kinds: []loadtest.Kind{page, page}},
		"never sent":   {URL: "http://localhost", Kinds: []loadtest.Kind{{Name: "page"}}},
		"above zero":   {URL: "http://localhost", Rate: -1, Kinds: []loadtest.Kind{page}},
		"both a share": {URL: "http://localhost", Kinds: []loadtest.Kind{{Name: "page", Share: 1, Streams: 1}}},
	} {
		_, err := loadtest.Start(context.Background(), l)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
