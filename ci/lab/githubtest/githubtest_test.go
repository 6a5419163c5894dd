package githubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// call makes a request to the double and returns its answer's body.
func call(t *testing.T, method, address, token, body string) (*http.Response, map[string]any) {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	decoded := map[string]any{}
	if bytes.HasPrefix(raw, []byte("{")) {
		if err := json.Unmarshal(raw, &decoded); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	}
	return response, decoded
}

func TestRefusalsHaveGitHubsShape(t *testing.T) {
	server := httptest.NewServer(New(Options{Token: "right", Repo: "octo/site"}))
	defer server.Close()
	call(t, "POST", server.URL+"/_lab/pulls", "", `{"title":"t","head":"h","base":"b","head_sha":"s"}`)
	comments := "/repos/octo/site/issues/1/comments"
	tests := map[string]struct {
		method, path, token, body string
		status                    int
		message, detail           string
	}{
		"no token":        {"GET", comments, "", "", 401, "Bad credentials", ""},
		"wrong token":     {"GET", comments, "wrong", "", 401, "Bad credentials", ""},
		"a bot asks who":  {"GET", "/user", "right", "", 403, "Resource not accessible by integration", ""},
		"other repo":      {"GET", "/repos/octo/other/issues/1/comments", "right", "", 404, "Not Found", ""},
		"no such issue":   {"GET", "/repos/octo/site/issues/9/comments", "right", "", 404, "Not Found", ""},
		"no such comment": {"PATCH", "/repos/octo/site/issues/comments/9", "right", `{"body":"x"}`, 404, "Not Found", ""},
		"no JSON":         {"POST", comments, "right", "{", 400, "Problems parsing JSON", ""},
		"empty body":      {"POST", comments, "right", `{"body":" "}`, 422, "Validation Failed", "map[code:unprocessable field:data message:Body cannot be blank resource:IssueComment]"},
		"long body": {"POST", comments, "right", `{"body":"` + strings.Repeat("é", 65537) + `"}`, 422, "Validation Failed",
			"map[code:unprocessable field:data message:Body is too long (maximum is 65536 characters) resource:IssueComment]"},
		"issue without title": {"POST", "/repos/octo/site/issues", "right", `{}`, 422, "Validation Failed", "map[code:missing_field field:title resource:Issue]"},
		"pull request twice": {"POST", "/repos/octo/site/pulls", "right", `{"title":"t","head":"h","base":"b"}`, 422, "Validation Failed",
			"map[code:custom message:A pull request already exists for octo:h. resource:PullRequest]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response, body := call(t, test.method, server.URL+test.path, test.token, test.body)
			if response.StatusCode != test.status || body["message"] != test.message {
				t.Errorf("answered %d %v, want %d %s", response.StatusCode, body, test.status, test.message)
			}
			if errors, _ := body["errors"].([]any); test.detail != "" && (len(errors) != 1 || fmt.Sprint(errors[0]) != test.detail) {
				t.Errorf("errors are %v, want %s", errors, test.detail)
			}
			if response.Header.Get("X-RateLimit-Limit") != "5000" || response.Header.Get("X-RateLimit-Reset") == "" {
				t.Errorf("headers are %v, want rate limits", response.Header)
			}
		})
	}
}

func TestLongestBodyIsTaken(t *testing.T) {
	server := httptest.NewServer(New(Options{}))
	defer server.Close()
	call(t, "POST", server.URL+"/_lab/pulls", "", `{}`)
	response, body := call(t, "POST", server.URL+"/repos/a/b/issues/1/comments", "", `{"body":"`+strings.Repeat("é", 65536)+`"}`)
	if response.StatusCode != 201 || !strings.HasSuffix(fmt.Sprint(body["html_url"]), "/a/b/pull/1#issuecomment-1") {
		t.Errorf("answered %d with %v", response.StatusCode, body["html_url"])
	}
}

func TestPagesAreLinked(t *testing.T) {
	double := New(Options{})
	server := httptest.NewServer(double)
	defer server.Close()
	double.OpenPull(0, "t", "h", "b", "s")
	for i := range 7 {
		double.AddComment(1, ActionsBot, fmt.Sprint(i))
	}
	base := server.URL + "/repos/a/b/issues/1/comments"
	rels := regexp.MustCompile(`[?&]page=(\d+)[^>]*>; rel="(\w+)"`)
	for query, want := range map[string]string{
		"?per_page=3":         "[2 next] [3 last]",
		"?per_page=3&page=2":  "[1 prev] [3 next] [3 last] [1 first]",
		"?per_page=3&page=3":  "[2 prev] [1 first]",
		"?per_page=100":       "",
		"":                    "",
		"?per_page=3&page=99": "[3 prev] [1 first]",
	} {
		response, _ := call(t, "GET", base+query, "", "")
		var got []string
		for _, match := range rels.FindAllStringSubmatch(response.Header.Get("Link"), -1) {
			got = append(got, fmt.Sprint(match[1:]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q links %v, want %s", query, got, want)
		}
	}
}

func TestLabEndpoints(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, Options{Token: "right"}) }()
	base := "http://" + addr
	call(t, "POST", base+"/_lab/pulls", "", `{"title":"One","head":"f","base":"m","head_sha":"aaa"}`)
	call(t, "POST", base+"/_lab/pulls", "", `{"number":1,"title":"One","head":"f","base":"m","head_sha":"bbb"}`)
	call(t, "POST", base+"/_lab/comments", "", `{"number":1,"login":"bob","body":"hello"}`)
	call(t, "POST", base+"/repos/a/b/issues/1/comments", "right", `{"body":"x"}`)
	call(t, "PATCH", base+"/repos/a/b/issues/comments/2", "right", `{"body":"y"}`)
	call(t, "POST", base+"/_lab/faults", "", `{"times":1,"status":503,"message":"down"}`)
	if response, _ := call(t, "GET", base+"/repos/a/b/pulls/1", "right", ""); response.StatusCode != 503 {
		t.Errorf("the fault did not show: %d", response.StatusCode)
	}
	if response, _ := call(t, "POST", base+"/_lab/pulls/1/merge", "", `{"merge_commit_sha":"mmm"}`); response.StatusCode != 200 {
		t.Errorf("merging: %d", response.StatusCode)
	}
	if response, _ := call(t, "POST", base+"/_lab/pulls/1/merge", "", `{"merge_commit_sha":"mmm"}`); response.StatusCode != 404 {
		t.Errorf("merging twice: %d", response.StatusCode)
	}
	_, state := call(t, "GET", base+"/_lab/state", "", "")
	pull := state["pulls"].([]any)[0].(map[string]any)
	if pull["head_sha"] != "bbb" || pull["merged"] != true || pull["merge_commit_sha"] != "mmm" || pull["state"] != "closed" {
		t.Errorf("pull request is %v", pull)
	}
	comment := state["comments"].([]any)[1].(map[string]any)
	if comment["body"] != "y" || comment["edits"] != 1.0 {
		t.Errorf("comment is %v", comment)
	}
	_, requests := call(t, "GET", base+"/_lab/requests", "", "")
	if requests["POST /issues/1/comments"] != 1.0 || requests["GET /pulls/1"] != 1.0 {
		t.Errorf("requests are %v", requests)
	}
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Serve did not end with its context")
	}
}
