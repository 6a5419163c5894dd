package deploy

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	container := func(change func(*Service)) Service {
		s := Service{Image: Image{Service: "a"}, id: "new", State: "running", policy: "always", Started: start}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		now   Service
		after time.Duration // of watching
		waits bool
		fails string
	}{
		"healthy":            {now: container(func(s *Service) { s.Health = "healthy" })},
		"starting":           {now: container(func(s *Service) { s.Health = "starting" }), after: time.Hour, waits: true},
		"unhealthy":          {now: container(func(s *Service) { s.Health = "unhealthy" }), fails: "is unhealthy"},
		"just running":       {now: container(func(*Service) {}), waits: true},
		"running for long":   {now: container(func(*Service) {}), after: 3 * time.Second},
		"restarting":         {now: container(func(s *Service) { s.State, s.Restarts = "restarting", 2 }), after: time.Hour, waits: true},
		"restarting forever": {now: container(func(s *Service) { s.State, s.Restarts, s.exit = "restarting", 6, 7 }), fails: "restarted 6 times, last with exit code 7"},
		"exited":             {now: container(func(s *Service) { s.State, s.policy, s.exit = "exited", "no", 3 }), fails: "exited with code 3"},
		"finished":           {now: container(func(s *Service) { s.State, s.policy = "exited", "no" })},
		"stopped for good":   {now: container(func(s *Service) { s.State, s.policy = "exited", "unless-stopped" }), fails: "exited with code 0"},
		"sick before too":    {now: container(func(s *Service) { s.id, s.Health = "old", "unhealthy" }), waits: true},
		"restarts long ago":  {now: container(func(s *Service) { s.id, s.Restarts = "old", 99 })},
		"not there":          {now: container(func(s *Service) { s.Service = "b" }), after: time.Hour, waits: true},
		"forgiven":           {now: container(func(s *Service) { s.Service, s.Health = "bad", "unhealthy" }), after: time.Hour, waits: true},
	} {
		w := watch{stable: 3 * time.Second, restarts: 5, forgiven: []string{"bad"}, since: map[string]time.Time{}, exits: map[string]int{},
			before: []Service{{id: "old", Started: start, Restarts: 99}}}
		w.judge([]string{"a"}, []Service{c.now}, start)
		waiting, err := w.judge([]string{"a"}, []Service{c.now}, start.Add(c.after))
		if (waiting != nil) != c.waits {
			t.Errorf("%s: waits for %+v, want %v", name, waiting, c.waits)
		}
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: fails with %v, want %q", name, err, c.fails)
		}
	}
}

// A container that runs between two crashes is not stable.
func TestJudgeStartsOverAfterARestart(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := watch{stable: 3 * time.Second, restarts: 5, since: map[string]time.Time{}, exits: map[string]int{}}
	for i := range 4 {
		now := start.Add(time.Duration(i) * 2 * time.Second)
		s := Service{Image: Image{Service: "a"}, id: "c", State: "running", Started: now, Restarts: i}
		if waiting, err := w.judge([]string{"a"}, []Service{s}, now); waiting == nil || err != nil {
			t.Errorf("after restart %d: waits for %v, fails with %v", i, waiting, err)
		}
	}
}

// Docker tells how a container ended only while it is down; a look at it while it
// runs must not make code 0 of that.
func TestJudgeRemembersTheExitCode(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := watch{stable: 3 * time.Second, restarts: 2, since: map[string]time.Time{}, exits: map[string]int{}}
	up := Service{Image: Image{Service: "a"}, id: "c", State: "running", Started: start, Restarts: 3}
	created, down := up, up
	created.State, created.Restarts = "created", 0
	down.State, down.exit, down.Restarts = "restarting", 3, 2
	if waiting, err := w.judge([]string{"a"}, []Service{created}, start); waiting == nil || err != nil {
		t.Errorf("created: waits for %v, fails with %v", waiting, err)
	}
	if waiting, err := w.judge([]string{"a"}, []Service{up}, start); waiting == nil || err != nil {
		t.Errorf("never seen down: waits for %v, fails with %v", waiting, err)
	}
	starting := up
	starting.Health = "starting"
	if waiting, err := w.judge([]string{"a"}, []Service{starting}, start); waiting == nil || err != nil {
		t.Errorf("never seen down, with a health check: waits for %v, fails with %v", waiting, err)
	}
	sick := up
	sick.Health = "unhealthy"
	if _, err := w.judge([]string{"a"}, []Service{sick}, start); err == nil || !strings.HasSuffix(err.Error(), "is unhealthy and was restarted 3 times") {
		t.Errorf("never seen down, and unhealthy: fails with %v", err)
	}
	if waiting, err := w.judge([]string{"a"}, []Service{down}, start); waiting == nil || err != nil {
		t.Errorf("down: waits for %v, fails with %v", waiting, err)
	}
	if _, err := w.judge([]string{"a"}, []Service{up}, start); err == nil || !strings.Contains(err.Error(), "restarted 3 times, last with exit code 3") {
		t.Errorf("up again: fails with %v", err)
	}
}
