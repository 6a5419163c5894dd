package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"backend/internal/pgtest"
)

func TestStopTurnsUnreadyAndServesOn(t *testing.T) {
	b := startBackend(t, "DRAIN_SECONDS=2")
	admin := b.as(adminEmail, adminPassword)
	begun := time.Now()
	b.terminate()
	waitFor(t, "readiness to end", func() bool { return b.ask("GET", "/api/v1/health/ready", "").status == http.StatusServiceUnavailable })
	expect(t, "ready while draining", b.ask("GET", "/api/v1/health/ready", ""), 503, `"status":"draining"`)
	expect(t, "live while draining", b.ask("GET", "/api/v1/health/live", ""), 200)
	created := admin("POST", "/items", `{"title":"late"}`)
	expect(t, "new request while draining", created, 201)
	if !created.closes {
		t.Errorf("a draining server keeps connections: %v", created.header)
	}
	if code := b.exit(); code != exitOK {
		t.Errorf("exit %d:\n%s", code, b.logged())
	}
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("drained for %v only", took)
	}
}

// A locked table holds a request in flight; the stop must wait for it.
func TestStopLetsRequestsInFlightFinish(t *testing.T) {
	b := startBackend(t)
	admin := b.as(adminEmail, adminPassword)
	lock := pgtest.Connect(t, b.database)
	defer lock.Close(t.Context())
	tx, err := lock.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE items IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	answers := make(chan answer, 1)
	go func() { answers <- admin("POST", "/items", `{"title":"in flight"}`) }()
	waitFor(t, "the request to arrive", func() bool {
		return strings.Contains(ask(t, "GET", b.metrics+"/metrics", "").body, "http_requests_in_flight 1")
	})
	b.terminate()
	waitFor(t, "the listener to close", func() bool { return !listening(b.api) })
	select {
	case early := <-answers:
		t.Fatalf("answered although the table is locked: %d %s", early.status, early.body)
	case <-b.exited:
		t.Fatal("the process ended with a request in flight")
	case <-time.After(200 * time.Millisecond):
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, "the request in flight", <-answers, 201, "in flight")
	if code := b.exit(); code != exitOK {
		t.Errorf("exit %d:\n%s", code, b.logged())
	}
}

func TestStopGivesUpOnARequestThatNeverEnds(t *testing.T) {
	b := startBackend(t, "SHUTDOWN_SECONDS=1")
	lock := pgtest.Connect(t, b.database)
	defer lock.Close(t.Context())
	if _, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE items"); err != nil {
		t.Fatal(err)
	}
	token := b.login(adminEmail, adminPassword).field(t, "access_token")
	go func() {
		r, _ := http.NewRequest("GET", b.api+"/api/v1/items", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		if response, err := http.DefaultClient.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}()
	waitFor(t, "the request to arrive", func() bool {
		return strings.Contains(ask(t, "GET", b.metrics+"/metrics", "").body, "http_requests_in_flight 1")
	})
	begun := time.Now()
	b.terminate()
	if code := b.exit(); code != exitFailed || time.Since(begun) > 8*time.Second {
		t.Errorf("exit %d after %v:\n%s", code, time.Since(begun), b.logged())
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

func listening(base string) bool {
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(base + "/api/v1/health/live")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return true
}
