package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/loadtest"
)

// underLoad is a record of so many deploys, each of which fails what falls in its second
// second.
func underLoad(deploys int, fails bool) loadtest.Result {
	r := loadtest.Result{Lasted: time.Duration(deploys*20+10) * time.Second}
	for n := range deploys {
		begin := time.Duration(n*20+5) * time.Second
		r.Marks = append(r.Marks, loadtest.Mark{Name: "begin", At: begin}, loadtest.Mark{Name: "end", At: begin + 5*time.Second},
			loadtest.Mark{Name: "settled", At: begin + 9*time.Second})
	}
	for at := time.Duration(0); at < r.Lasted; at += 100 * time.Millisecond {
		one := loadtest.Request{Kind: "page", Start: at, Latency: time.Millisecond, Over: time.Millisecond, End: at + time.Millisecond}
		for _, mark := range r.Marks {
			if since := at - mark.At; fails && mark.Name == "begin" && since >= time.Second && since < 2*time.Second {
				one.Reason = loadtest.ReasonRefused
			}
		}
		r.Requests = append(r.Requests, one)
	}
	return r
}

func TestPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deploy.svg")
	outcomes := []outcome{{way: ways[0], result: underLoad(3, false)}, {way: ways[1], result: underLoad(1, true)}}
	if err := writePicture(outcomes, file); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, want := range []string{"This project: 0 of 130 requests failed", "pull and up -d: 10 of 130 requests failed", "deploy, 5 s", "requests per second", "prefers-color-scheme:dark"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture has no %q", want)
		}
	}
	if got := strings.Count(text, `class="failed"`); got != 2+1 { // two steps and the legend
		t.Errorf("%d marks of failures, want 3", got)
	}
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := writePicture(outcomes[:1], file); err == nil {
		t.Error("a picture without the article's way was drawn")
	}
}

// The table tells streams from requests, and how long requests failed.
func TestRow(t *testing.T) {
	o := outcome{way: ways[1], deploys: 1, result: underLoad(1, true), times: []time.Duration{5 * time.Second}}
	o.result.Requests = append(o.result.Requests, loadtest.Request{Kind: "event stream", Reason: loadtest.ReasonCut})
	if got, want := row(o), "| the article: `pull`, `up -d` | 1 | 300 | 10 | 1 | 1 ms | 1 ms | 0.9 s | 5.0 |"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := whatFailed(o.result), "event stream: 1 connection cut; page: 10 connection refused"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
