package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// statement is one statement of an IAM policy.
type statement struct {
	Sid              string
	Action, Resource []string
	Condition        map[string]map[string]any
}

// call is one request to AWS, as a policy sees it.
type call struct {
	action   string   // such as ec2:CreateVpc
	resource string   // an ARN; empty where the request does not name one
	projects []string // values of the tag Project that it gives
}

// guard stands before the AWS stand-in and does what the stand-in does not: it turns
// away what the policy of a role does not allow, and writes down what was called. It
// knows actions, ARNs of S3 and the tags of a request, and no other condition.
type guard struct {
	*httptest.Server
	mu       sync.Mutex
	roles    map[string]string      // the name of a role, by access key
	policies map[string][]statement // by the name of a role
	called   map[string][]string    // actions, by the name of a role
	refused  map[string][]string    // likewise
}

func newGuard(t *testing.T, endpoint string) *guard {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &guard{roles: map[string]string{}, policies: map[string][]statement{}}
	g.forget()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := g.judge(r); refusal != "" {
			http.Error(w, refusal, http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// forget forgets what was called.
func (g *guard) forget() { g.called, g.refused = map[string][]string{}, map[string][]string{} }

var scope = regexp.MustCompile(`Credential=([^/]+)/[0-9]+/[^/]*/([a-z0-9]+)/`)

// judge returns the answer to a request that is not allowed.
func (g *guard) judge(r *http.Request) string {
	signed := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	g.mu.Lock()
	defer g.mu.Unlock()
	if signed == nil || g.roles[signed[1]] == "" {
		return ""
	}
	role, c := g.roles[signed[1]], asCall(r, signed[2])
	if c.action == "sts:GetCallerIdentity" { // everybody may
		return ""
	}
	if slices.ContainsFunc(g.policies[role], c.allowedBy) {
		g.called[role] = append(g.called[role], c.action)
		return ""
	}
	g.refused[role] = append(g.refused[role], c.action)
	if signed[2] == "s3" {
		return "<Error><Code>AccessDenied</Code><Message>" + c.action + "</Message></Error>"
	}
	return "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>" + c.action + "</Message></Error></Errors></Response>"
}

// asCall reads which action a request asks for, and leaves its body in place.
func asCall(r *http.Request, service string) call {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if service == "s3" {
		return call{action: "s3:" + s3Action(r), resource: "arn:aws:s3:::" + strings.TrimPrefix(r.URL.Path, "/")}
	}
	form, _ := url.ParseQuery(string(body))
	c := call{action: service + ":" + form.Get("Action")}
	for name, value := range form {
		if key, is := strings.CutSuffix(name, ".Key"); is && value[0] == "Project" {
			c.projects = append(c.projects, form.Get(key+".Value"))
		}
	}
	return c
}

func s3Action(r *http.Request) string {
	object := strings.Contains(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && !object && r.URL.Query().Has("list-type"):
		return "ListBucket"
	case object && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return "GetObject"
	case object && r.Method == http.MethodPut:
		return "PutObject"
	case object && r.Method == http.MethodDelete:
		return "DeleteObject"
	}
	return r.Method + " " + r.URL.RequestURI()
}

func (c call) allowedBy(s statement) bool {
	if !slices.Contains(s.Action, c.action) {
		return false
	}
	if want, is := s.Condition["StringEquals"]["aws:RequestTag/Project"]; is && (len(c.projects) == 0 || slices.ContainsFunc(c.projects, func(p string) bool { return p != want })) {
		return false
	}
	return c.resource == "" || slices.ContainsFunc(s.Resource, func(pattern string) bool {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(c.resource)
	})
}

// allow reads the policy of a role.
func (g *guard) allow(t *testing.T, role, policy string) {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		t.Fatal(err)
	}
	if len(policy) > 10240 {
		t.Errorf("the policy of %s has %d characters, and IAM takes 10,240 inline in a role", role, len(policy))
	}
	t.Logf("the policy of %s has %d characters", role, len(policy))
	g.policies[role] = document.Statement
}

var credential = regexp.MustCompile(`<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]+)<`)

// assume assumes a role as a job of GitHub Actions does, and gives its keys to
// Terraform.
func (g *guard) assume(t *testing.T, role, arn string) {
	t.Helper()
	answer, err := http.PostForm(g.URL, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {arn}, "RoleSessionName": {role}, "WebIdentityToken": {"token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	keys := map[string]string{}
	for _, found := range credential.FindAllStringSubmatch(string(text), -1) {
		keys[found[1]] = found[2]
	}
	if len(keys) != 3 {
		t.Fatal(fmt.Errorf("assuming %s: %s %s", arn, answer.Status, text))
	}
	t.Setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
	t.Setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
	t.Setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roles[keys["AccessKeyId"]] = role
}
