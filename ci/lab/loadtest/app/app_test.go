package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	server := httptest.NewServer(newApp("7").routes("/lab"))
	defer server.Close()
	for path, want := range map[string]string{
		"/healthz": "200 ok", "/lab/healthz": "200 ok", "/lab/version": "200 7", "/lab/": `200 <!doctype html><title>app</title><p>this is "7"`,
		"/lab/slow?seconds=0.1": "200 slow", "/lab/slow?seconds=x": "400 seconds is no number from 0 to 600", "/elsewhere": "404 404 page not found",
	} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		if got := answer.Status[:3] + " " + strings.TrimSpace(string(text)); got != want || answer.Header.Get("X-Version") != "7" {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	answer, err := http.Post(server.URL+"/lab/upload", "text/plain", strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(answer.Body); string(text) != "5 bytes\n" {
		t.Errorf("the upload: %q", text)
	}
}

// When the app goes, it is unhealthy, its streams end in order, and it answers on.
func TestGoing(t *testing.T) {
	a := newApp("7")
	server := httptest.NewServer(a.routes(""))
	defer server.Close()
	answer, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, a.goes)
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "data: 0\n\n" {
		t.Errorf("the stream was %q and ended with %v", text, err)
	}
	for path, want := range map[string]int{"/healthz": http.StatusServiceUnavailable, "/version": http.StatusOK} {
		answer, err := http.Get(server.URL + path)
		if err != nil || answer.StatusCode != want {
			t.Errorf("%s: %v, %v", path, answer, err)
		}
	}
}
