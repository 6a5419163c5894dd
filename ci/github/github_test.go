package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/lab/githubtest"
	"gitops/ci/progress"
	"gitops/ci/retry"
	"gitops/ci/secret"
)

const (
	marker = "<!-- gitops:review dir=terraform workspace=default -->"
	token  = "ghs_averysecrettoken"
)

type lab struct {
	*githubtest.Server
	*Client
	url      string
	waits    []time.Duration
	progress bytes.Buffer
}

// newLab starts the double and a client of it that notes its waits instead of
// waiting.
func newLab(t *testing.T, options githubtest.Options, change ...func(*Config)) *lab {
	t.Helper()
	options.Token, options.Repo = token, "octo/site"
	l := &lab{Server: githubtest.New(options)}
	server := httptest.NewServer(l.Server)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	l.url = server.URL
	config := Config{APIURL: server.URL, Token: secret.New(token), Repo: "octo/site", Progress: progress.NewProgress(&l.progress)}
	for _, f := range change {
		f(&config)
	}
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	client.sleep = func(ctx context.Context, d time.Duration) error {
		l.waits = append(l.waits, d)
		return ctx.Err()
	}
	l.Client = client
	return l
}

func (l *lab) bodies() []string {
	var bodies []string
	for _, comment := range l.State().Comments {
		bodies = append(bodies, comment.User.Login+": "+strings.TrimPrefix(comment.Body, marker+"\n"))
	}
	return bodies
}

func (l *lab) wantBodies(t *testing.T, want ...string) {
	t.Helper()
	if got := l.bodies(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("comments are\n%q, want\n%q", got, want)
	}
}

func (l *lab) upsert(t *testing.T, body string, wantCreated bool) string {
	t.Helper()
	url, created, err := l.UpsertComment(context.Background(), 1, marker, body)
	if err != nil || created != wantCreated {
		t.Fatalf("UpsertComment = %q, created %v, %v; want created %v", url, created, err, wantCreated)
	}
	return url
}

const bot = "github-actions[bot]: "

func TestUpsertCommentUpdatesInPlace(t *testing.T) {
	for name, options := range map[string]githubtest.Options{
		"a workflow's token": {},
		"a person's token":   {Author: githubtest.User{Login: "alice", ID: 7, Type: "User"}},
		"another app":        {Author: githubtest.User{Login: "our-robot[bot]", ID: 8, Type: "Bot"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, options)
			l.OpenPull(0, "Bigger", "infra_features", "infra_main", "aaa")
			first := l.upsert(t, "one", true)
			if second := l.upsert(t, "two", false); second != first {
				t.Errorf("the comment moved from %s to %s", first, second)
			}
			state := l.State()
			if len(state.Comments) != 1 || state.Comments[0].Edits != 1 || state.Comments[0].Body != marker+"\ntwo" {
				t.Errorf("comments are %+v, want one with one edit", state.Comments)
			}
			if body, found, err := l.FindComment(t.Context(), 1, marker); err != nil || !found || body != marker+"\ntwo" {
				t.Errorf("FindComment = %q, %v, %v", body, found, err)
			}
			found, err := l.Comments(context.Background(), 1, marker, "")
			if err != nil || len(found) != 1 || found[0].Body != marker+"\ntwo" || found[0].URL != first || found[0].Stranger != "" || found[0].Edited.IsZero() {
				t.Errorf("Comments = %+v, %v", found, err)
			}
		})
	}
}

func TestUpsertCommentFindsItPast100Comments(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	for i := range 250 {
		if i == 230 {
			l.upsert(t, "one", true)
		}
		l.AddComment(1, githubtest.User{Login: "bob", Type: "User"}, "talk "+strconv.Itoa(i))
	}
	l.upsert(t, "two", false)
	if got := len(l.State().Comments); got != 251 {
		t.Errorf("there are %d comments, want 251", got)
	}
	if got := l.Requests()["GET /issues/1/comments"]; got != 3+3 {
		t.Errorf("listing took %d requests, want 3 each time", got)
	}
}

func TestOthersCommentsAreNotOurs(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	forged := marker + "\nforged"
	l.AddComment(1, githubtest.User{Login: "mallory", Type: "User"}, forged)
	l.AddComment(1, githubtest.User{Login: "github-actions", Type: "User"}, forged)
	l.AddComment(1, githubtest.User{Login: "dependabot[bot]", Type: "Bot"}, forged)
	l.AddComment(1, githubtest.ActionsBot, "> "+marker+"\nquoted")
	l.AddComment(1, githubtest.ActionsBot, "<!-- gitops:review dir=other workspace=default -->\nother directory")
	if found, err := l.Comments(context.Background(), 1, marker, ""); err != nil || len(found) > 0 {
		t.Fatalf("Comments = %+v, %v; want none", found, err)
	}
	l.upsert(t, "ours", true)
	if got := l.bodies(); len(got) != 6 || got[5] != bot+"ours" {
		t.Errorf("comments are %q", got)
	}
	for _, comment := range l.State().Comments[:5] {
		if comment.Edits != 0 {
			t.Errorf("somebody else's comment was edited: %+v", comment)
		}
	}
}

func TestUpsertCommentWhenItWasDeletedOrDoubled(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true)
	l.DeleteComment(1)
	l.upsert(t, "two", true)
	l.AddComment(1, githubtest.ActionsBot, marker+"\nof a run at the same time")
	l.upsert(t, "three", false)
	l.wantBodies(t, bot+"three")
}

// The comment goes away between being listed and being edited.
func TestUpsertCommentDeletedMeanwhile(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true)
	l.Server.Inject(githubtest.Fault{Times: 1, Method: "PATCH", Status: 404, Message: "Not Found"})
	l.Server.Inject(githubtest.Fault{Times: 1, Method: "DELETE", Status: 404, Message: "Not Found"})
	l.upsert(t, "two", false)
	l.wantBodies(t, bot+"two")
}

func TestEditedByHandIsStillOurs(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true)
	l.EditComment(1, githubtest.User{Login: "bob", Type: "User"}, marker+"\r\nedited in a browser")
	l.upsert(t, "two", false)
	l.wantBodies(t, bot+"two")
}

func TestFaultsThatPass(t *testing.T) {
	soon := strconv.FormatInt(time.Now().Add(20*time.Second).Unix(), 10)
	tests := map[string]struct {
		fault githubtest.Fault
		waits []time.Duration
	}{
		"5xx three times": {githubtest.Fault{Times: 3, Status: 502, Message: "Bad Gateway"},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		"429 with retry-after": {githubtest.Fault{Times: 1, Status: 429, Message: "too fast",
			Headers: map[string]string{"Retry-After": "7"}}, []time.Duration{7 * time.Second}},
		"secondary limit": {githubtest.Fault{Times: 1, Status: 403,
			Message: "You have exceeded a secondary rate limit.", Headers: map[string]string{"Retry-After": "30"}},
			[]time.Duration{30 * time.Second}},
		"primary limit": {githubtest.Fault{Times: 1, Status: 403, Message: "API rate limit exceeded",
			Headers: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}}, nil},
		"broken connection": {githubtest.Fault{Times: 1, Status: 0}, []time.Duration{time.Second}},
	}
	for name, test := range tests {
		for _, method := range []string{"GET", "POST", "PATCH"} {
			t.Run(name+" "+method, func(t *testing.T) {
				l := newLab(t, githubtest.Options{})
				l.OpenPull(0, "Bigger", "f", "m", "aaa")
				if method == "PATCH" {
					l.AddComment(1, githubtest.ActionsBot, marker+"\nzero")
				}
				fault := test.fault
				fault.Method, fault.Path = method, "comments"
				l.Server.Inject(fault)
				l.upsert(t, "one", method != "PATCH")
				l.wantBodies(t, bot+"one")
				if test.waits != nil && len(l.waits) > 0 && fmt.Sprint(l.waits) != fmt.Sprint(test.waits) {
					t.Errorf("waited %v, want %v", l.waits, test.waits)
				}
				// net/http itself repeats a GET on a connection that was open before.
				transparent := fault.Status == 0 && method == "GET"
				if !transparent && (len(l.waits) != fault.Times || !strings.Contains(l.progress.String(), "again in")) {
					t.Errorf("waited %v and said %q", l.waits, l.progress.String())
				}
			})
		}
	}
}

// The comment was written and the answer got lost: there must not be a second one.
func TestLostAnswerWritesNoSecondComment(t *testing.T) {
	for _, status := range []int{502, 0} {
		l := newLab(t, githubtest.Options{})
		l.OpenPull(0, "Bigger", "f", "m", "aaa")
		l.Server.Inject(githubtest.Fault{Times: 1, Method: "POST", Path: "comments", Status: status, After: true})
		l.upsert(t, "one", false)
		l.wantBodies(t, bot+"one")
	}
}

func TestErrorsNameWhatAndRemedy(t *testing.T) {
	tests := map[string]struct {
		fault    githubtest.Fault
		want     []string
		requests int // of the call that fails
	}{
		"no permission": {githubtest.Fault{Times: 9, Method: "POST", Status: 403, Message: "Resource not accessible by integration"},
			[]string{"writing the comment on pull request 1 of octo/site", "403 Forbidden", "Resource not accessible by integration", "`pull-requests: write`"}, 1},
		"bad token": {githubtest.Fault{Times: 9, Path: "/user", Status: 401, Message: "Bad credentials"},
			[]string{"asking who the GitHub token belongs to", "401", "Bad credentials", "not valid or has expired"}, 0},
		"single sign-on": {githubtest.Fault{Times: 9, Method: "POST", Status: 403, Message: "Resource protected by organization SAML enforcement",
			Headers: map[string]string{"X-GitHub-SSO": "required; url=https://github.com/orgs/x/sso"}},
			[]string{"single sign-on"}, 1},
		"never recovers": {githubtest.Fault{Times: 99, Method: "POST", Path: "comments", Status: 503, Message: "unavailable"},
			[]string{"503 Service Unavailable", "run this again later"}, attempts},
		"long limit": {githubtest.Fault{Times: 9, Method: "POST", Status: 429, Message: "slow down", Headers: map[string]string{"Retry-After": "3600"}},
			[]string{"429", "slow down", "wait for 3600.0 s"}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, githubtest.Options{})
			l.OpenPull(0, "Bigger", "f", "m", "aaa")
			// A workflow's token asks GraphQL who it is, by POST as well.
			if test.fault.Method == "POST" {
				test.fault.Path = "comments"
			}
			l.Server.Inject(test.fault)
			_, _, err := l.UpsertComment(context.Background(), 1, marker, "one")
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if got := l.Requests()["POST /issues/1/comments"]; got != test.requests {
				t.Errorf("%d requests to write, want %d", got, test.requests)
			}
			if progress.ExitCode(err) != progress.ExitFailed {
				t.Errorf("exit code %d", progress.ExitCode(err))
			}
			if strings.Contains(err.Error()+fmt.Sprintf("%+v", err)+l.progress.String(), token) {
				t.Error("the token was printed")
			}
		})
	}
}

func TestErrorsOfGitHubItself(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	_, _, err := l.UpsertComment(context.Background(), 1, marker, strings.Repeat("é", 65536))
	if err == nil || !strings.Contains(err.Error(), "422 Unprocessable Entity: Validation Failed: Body is too long (maximum is 65536 characters)") {
		t.Errorf("too long: %v", err)
	}
	_, _, err = l.UpsertComment(context.Background(), 99, marker, "x")
	if err == nil || !strings.Contains(err.Error(), "pull request 99") || !strings.Contains(err.Error(), "404") {
		t.Errorf("no such pull request: %v", err)
	}
	wrong := newLab(t, githubtest.Options{}, func(c *Config) { c.Token = secret.New("wrong-token") })
	_, err = wrong.Comments(context.Background(), 1, marker, "")
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong-token") {
		t.Errorf("wrong token: %v", err)
	}
}

func TestPrimaryRateLimitOfTheDouble(t *testing.T) {
	l := newLab(t, githubtest.Options{Limit: 4})
	l.Client.maxWait = time.Minute
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true) // who, viewer, list, create
	_, _, err := l.UpsertComment(context.Background(), 1, marker, "two")
	var failed *Error
	if !errors.As(err, &failed) || failed.Status != http.StatusForbidden || !strings.Contains(failed.Remedy, "asks to wait") {
		t.Errorf("error is %v, want one that says how long to wait", err)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.Server.Inject(githubtest.Fault{Times: 99, Path: "comments", Status: 500})
	ctx, cancel := context.WithCancel(context.Background())
	l.Client.sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return retry.Sleep(ctx, time.Hour) }
	_, _, err := l.UpsertComment(ctx, 1, marker, "one")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the cancellation", err)
	}
}

func TestEnterpriseAPI(t *testing.T) {
	l := newLab(t, githubtest.Options{}, func(c *Config) { c.APIURL += "/api/v3" })
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true)
	l.upsert(t, "two", false)
	if l.Requests()["POST /graphql"] != 1 {
		t.Errorf("requests are %v, want one to /graphql beside the API", l.Requests())
	}
}

func TestMergedPullRequest(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "First", "f", "infra_main", "aaa")
	l.OpenPull(1, "First", "f", "infra_main", "bbb") // pushed again
	want := func(commit string, number int) {
		t.Helper()
		got, found, err := l.MergedPullRequest(t.Context(), commit, "infra_main")
		if err != nil || found != (number > 0) || got.Number != number {
			t.Errorf("MergedPullRequest(%s) = %+v, %v; want %d", commit, got, err, number)
		}
	}
	want("bbb", 0) // open is not merged
	l.MergePull(1, "merge1", "rebased1")
	want("merge1", 1)
	want("rebased1", 1)
	want("bbb", 1)
	want("aaa", 1)
	want("ccc", 0)
	l.OpenPull(0, "To the next branch", "infra_main", "production", "merge1")
	l.MergePull(2, "merge2")
	want("merge1", 1) // its merge commit wins over being in another one
	want("merge2", 2)
	// One commit may be the merge commit of two: the branch decides.
	l.OpenPull(0, "Elsewhere", "g", "staging", "ddd")
	l.MergePull(3, "merge1")
	want("merge1", 1)
	got, _, _ := l.MergedPullRequest(t.Context(), "merge1", "staging")
	if got.Number != 3 || got.Head != "ddd" || got.Base != "staging" || got.MergeCommit != "merge1" {
		t.Errorf("in staging it is %+v", got)
	}
}

// Who changed a comment last is told by GraphQL alone: the REST API has the author.
func TestCommentsTellWhoEdited(t *testing.T) {
	alice, bob := githubtest.User{Login: "alice", Type: "User"}, githubtest.User{Login: "bob", Type: "User"}
	for name, test := range map[string]struct {
		edits []githubtest.User
		want  string
	}{
		"never":                {nil, ""},
		"by us":                {[]githubtest.User{githubtest.ActionsBot}, ""},
		"by a person":          {[]githubtest.User{bob}, "bob"},
		"by a person, then us": {[]githubtest.User{bob, githubtest.ActionsBot}, ""},
		"by us, then a person": {[]githubtest.User{githubtest.ActionsBot, alice}, "alice"},
		"by another bot":       {[]githubtest.User{{Login: "dependabot[bot]", Type: "Bot"}}, "dependabot[bot]"},
		"by our namesake":      {[]githubtest.User{{Login: "github-actions", Type: "User"}}, "github-actions"},
		"by a ghost":           {[]githubtest.User{{}}, "somebody whose account is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			l := newLab(t, githubtest.Options{Now: func() time.Time { return now }})
			l.OpenPull(0, "Bigger", "f", "m", "aaa")
			l.upsert(t, "one", true)
			for _, editor := range test.edits {
				now = now.Add(time.Second)
				l.EditComment(1, editor, marker+"\nedited")
			}
			found, err := l.Comments(t.Context(), 1, marker, "github-actions[bot]")
			if err != nil || len(found) != 1 || found[0].Stranger != test.want || found[0].Edited.IsZero() != (test.edits == nil) {
				t.Errorf("found %+v, %v; want it edited by %q", found, err, test.want)
			}
		})
	}
}

func TestCommentsOfANamedAuthor(t *testing.T) {
	l := newLab(t, githubtest.Options{Author: githubtest.User{Login: "deployer", ID: 9, Type: "User"}})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.AddComment(1, githubtest.ActionsBot, marker+"\nof the bot")
	l.AddComment(1, githubtest.User{Login: "github-actions", Type: "User"}, marker+"\nof its namesake")
	for author, want := range map[string]string{"github-actions[bot]": "of the bot", "github-actions": "of its namesake"} {
		found, err := l.Comments(t.Context(), 1, marker, author)
		if err != nil || len(found) != 1 || found[0].Body != marker+"\n"+want {
			t.Errorf("of %s: %+v, %v", author, found, err)
		}
	}
	if found, err := l.Comments(t.Context(), 1, marker, ""); err != nil || len(found) > 0 {
		t.Errorf("of the token's author: %+v, %v", found, err)
	}
}

// GraphQL answers 200 whatever happened.
func TestGraphQLWithoutPermissionIsAnError(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	l.upsert(t, "one", true)
	few := newLab(t, githubtest.Options{}, func(c *Config) {
		c.APIURL, c.Token = l.url, l.AddToken(map[string]string{"issues": "read", "contents": "read"})
	})
	err := few.query(t.Context(), request{what: "asking", permission: "pull-requests: read"}, writtenQuery, map[string]any{"id": "IC_1"}, &struct{}{})
	if err == nil || !strings.Contains(err.Error(), "Resource not accessible by integration") || !strings.Contains(err.Error(), "`pull-requests: read`") {
		t.Errorf("without permission: %v", err)
	}
	if err := l.query(t.Context(), request{what: "asking"}, "query { nonsense }", nil, &struct{}{}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a field that does not exist: %v", err)
	}
}

func TestOpinionsOfThoseWhoMayPush(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	review := func(login, state string, push bool) {
		kind := "User"
		if strings.HasSuffix(login, "[bot]") {
			kind = "Bot"
		}
		l.AddReview(1, githubtest.Review{User: githubtest.User{Login: login, Type: kind}, State: state, CanPush: push})
	}
	review("alice", "CHANGES_REQUESTED", true)
	review("alice", "APPROVED", true)
	review("alice", "COMMENTED", true)
	review("bob", "APPROVED", true)
	review("bob", "CHANGES_REQUESTED", true)
	review("carol", "APPROVED", false)
	review("dave", "DISMISSED", true)
	review("github-actions[bot]", "APPROVED", true)
	l.MergePull(1, "merge")
	pull, _, err := l.MergedPullRequest(t.Context(), "merge", "m")
	if err != nil {
		t.Fatal(err)
	}
	opinions, err := l.Opinions(t.Context(), pull)
	var got []string
	for _, o := range opinions {
		got = append(got, fmt.Sprint(o.By, " ", o.Approved, " ", o.Commit, " ", o.At.IsZero()))
	}
	if want := "alice true aaa false, bob false aaa false"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("opinions are %q, %v; want %s", got, err, want)
	}
}

func TestCreatePullRequestOnce(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	pull := PullRequest{Title: "Release abc", Body: "b", Head: "bump", Base: "deployment"}
	number, url, created, err := l.CreatePullRequest(context.Background(), pull)
	if err != nil || !created || number != 1 || !strings.HasSuffix(url, "/octo/site/pull/1") {
		t.Fatalf("first: %d %s %v %v", number, url, created, err)
	}
	l.Server.Inject(githubtest.Fault{Times: 1, Method: "GET", Path: "/pulls", Status: 500})
	number, _, created, err = l.CreatePullRequest(context.Background(), pull)
	if err != nil || created || number != 1 {
		t.Errorf("second: %d %v %v, want the first one", number, created, err)
	}
	pull.Head = "other"
	l.Server.Inject(githubtest.Fault{Times: 1, Method: "POST", Path: "/pulls", Status: 500, After: true})
	number, _, created, err = l.CreatePullRequest(context.Background(), pull)
	if err != nil || created || number != 2 || len(l.State().Pulls) != 2 {
		t.Errorf("lost answer: %d %v %v and %d pull requests, want 2", number, created, err, len(l.State().Pulls))
	}
}

func TestIssueIsOpenedUpdatedClosedReopened(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	ctx, drift := context.Background(), "<!-- gitops:drift -->"
	l.OpenPull(0, "no issue", "f", "m", "aaa")
	step := func(wantState, wantBody string, wantEdits int) {
		t.Helper()
		issues := l.State().Issues
		if len(issues) != 1 || issues[0].State != wantState || issues[0].Body != drift+"\n"+wantBody || issues[0].Edits != wantEdits {
			t.Errorf("issues are %+v, want one that is %s and says %q after %d edits", issues, wantState, wantBody, wantEdits)
		}
	}
	if _, closed, err := l.CloseIssue(ctx, drift, "gone"); err != nil || closed {
		t.Errorf("closing nothing: %v %v", closed, err)
	}
	url, created, err := l.UpsertIssue(ctx, drift, "Drift", "one")
	if err != nil || !created || !strings.HasSuffix(url, "/octo/site/issues/2") {
		t.Fatalf("first: %s %v %v", url, created, err)
	}
	step("open", "one", 0)
	if _, created, err := l.UpsertIssue(ctx, drift, "Drift", "two"); err != nil || created {
		t.Errorf("second: %v %v", created, err)
	}
	step("open", "two", 1)
	if _, closed, err := l.CloseIssue(ctx, drift, "gone"); err != nil || !closed {
		t.Errorf("closing: %v %v", closed, err)
	}
	step("closed", "two", 2)
	if comments := l.State().Comments; len(comments) != 1 || comments[0].Number != 2 || comments[0].Body != "gone" {
		t.Errorf("the last word is %+v", comments)
	}
	if _, created, err := l.UpsertIssue(ctx, drift, "Drift again", "three"); err != nil || created {
		t.Errorf("third: %v %v", created, err)
	}
	step("open", "three", 3)
	if l.State().Issues[0].Labels[0].Name != "drift" || l.State().Issues[0].Title != "Drift again" {
		t.Errorf("issue is %+v", l.State().Issues[0])
	}
}

// An open issue that somebody took the label off is found by its marker, and gets its
// label back beside the others.
func TestIssueWithoutItsLabelIsFound(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	drift := "<!-- gitops:drift -->"
	if _, _, err := l.UpsertIssue(t.Context(), drift, "Drift", "one"); err != nil {
		t.Fatal(err)
	}
	for range 150 {
		l.OpenPull(0, "no issue", "f", "m", "aaa")
	}
	l.Relabel(1, "urgent")
	if _, created, err := l.UpsertIssue(t.Context(), drift, "Drift", "two"); err != nil || created {
		t.Errorf("it is opened anew: %v, %v", created, err)
	}
	if issues := l.State().Issues; len(issues) != 1 || fmt.Sprint(issues[0].Labels) != "[{drift} {urgent}]" {
		t.Errorf("issues are %+v", issues)
	}
	l.Relabel(1)
	if _, closed, err := l.CloseIssue(t.Context(), drift, "gone"); err != nil || !closed {
		t.Errorf("it is not closed: %v, %v", closed, err)
	}
}

func TestProposeAgainChangesNoFile(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	base := l.SetBranch("infra_main", "the-tree")
	pull := PullRequest{Title: "Undo", Body: "b", Head: "gitops/drift", Base: "infra_main"}
	url, err := l.ProposeAgain(t.Context(), pull)
	state := l.State()
	head := state.Branches["gitops/drift"]
	commit := state.Commits[head]
	if err != nil || !strings.HasSuffix(url, "/pull/1") || len(state.Pulls) != 1 || state.Pulls[0].HeadSHA != head || head == base {
		t.Fatalf("%s, %v, %+v", url, err, state)
	}
	if commit.Tree != "the-tree" || fmt.Sprint(commit.Parents) != "["+base+"]" || commit.Message != "Undo" {
		t.Errorf("the commit is %+v", commit)
	}
	if again, err := l.ProposeAgain(t.Context(), pull); err != nil || again != url || len(l.State().Commits) != 2 {
		t.Errorf("the second time: %s, %v", again, err)
	}
	// The branch is still there when the next drift comes.
	l.MergePull(1, "merged")
	next := l.SetBranch("infra_main", "another-tree")
	if url, err := l.ProposeAgain(t.Context(), pull); err != nil || !strings.HasSuffix(url, "/pull/2") {
		t.Fatalf("%s, %v", url, err)
	}
	state = l.State()
	if commit := state.Commits[state.Branches["gitops/drift"]]; fmt.Sprint(commit.Parents) != "["+next+"]" {
		t.Errorf("the commit is %+v", commit)
	}
	if err := l.Dispatch(t.Context(), "terraform-apply.yml", "infra_main"); err != nil || fmt.Sprint(l.State().Dispatches) != "[{terraform-apply.yml infra_main}]" {
		t.Errorf("dispatched %+v, %v", l.State().Dispatches, err)
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	good := Config{Token: secret.New(token), Repo: "a/b"}
	for want, change := range map[string]func(*Config){
		"owner/name": func(c *Config) { c.Repo = "ab" },
		"a/b/c":      func(c *Config) { c.Repo = "a/b/c" },
		"token":      func(c *Config) { c.Token = secret.Value{} },
		"address":    func(c *Config) { c.APIURL = "api.github.com" },
	} {
		config := good
		change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) || progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("New(%v) = %v, want an error with %q and exit 2", config, err, want)
		}
	}
}

func TestConcurrentRunsEndWithOneComment(t *testing.T) {
	l := newLab(t, githubtest.Options{})
	l.OpenPull(0, "Bigger", "f", "m", "aaa")
	var wait sync.WaitGroup
	for i := range 5 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if _, _, err := l.UpsertComment(context.Background(), 1, marker, fmt.Sprint("run ", i)); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	l.upsert(t, "last", false)
	l.wantBodies(t, bot+"last")
}
