package deploy

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gitops/ci/progress"
)

const listing = `time 20260102T030405Z
container {"labels":{"com.docker.compose.service":"web","other":"x"},"id":"c2","name":"/deploy-web-1","ref":"r.local/web:abc","image":"sha256:2","state":{"Status":"running","ExitCode":0,"StartedAt":"2026-01-02T03:00:00Z","Health":{"Status":"healthy","Log":[]}},"restarts":2,"policy":"always"}
container {"labels":{"com.docker.compose.service":"db"},"id":"c1","name":"/deploy-db-1","ref":"postgres:17","image":"sha256:1","state":{"Status":"exited","ExitCode":3,"StartedAt":"2026-01-02T03:00:00Z"},"restarts":0,"policy":"no"}
image {"id":"sha256:2","digests":["other.local/web@sha256:bb","r.local/web@sha256:aa"]}
image {"id":"sha256:1","digests":null}
`

func TestParseContainers(t *testing.T) {
	services, now, err := parseContainers(long(listing))
	if err != nil || now != "20260102T030405Z" || len(services) != 2 {
		t.Fatalf("got %v, %q, %v", services, now, err)
	}
	db, web := services[0], services[1]
	if db.Service != "db" || db.Digest != "" || db.failing(5) != "exited with code 3" || db.fine() {
		t.Errorf("db is %+v", db)
	}
	if web.Container != "deploy-web-1" || web.Digest != long("r.local/web@sha256:aa") || !web.fine() || web.failing(2) != "" {
		t.Errorf("web is %+v", web)
	}
	if got := web.failing(1); !strings.HasPrefix(got, "was restarted 2 times") {
		t.Errorf("web after more restarts than allowed: %q", got)
	}
	if _, _, err := parseContainers("container {"); err == nil {
		t.Error("half a line was accepted")
	}
}

func TestDigestOf(t *testing.T) {
	for _, c := range []struct {
		ref, digest string
		same        bool
	}{
		{"postgres:17", "postgres@sha256:1", true},
		{"docker.io/library/postgres:17", "postgres@sha256:1", true},
		{"index.docker.io/team/web:1", "team/web@sha256:1", true},
		{"r.local:5000/web", "r.local:5000/web@sha256:1", true},
		{"r.local:5000/web:1@sha256:1", "r.local:5000/web@sha256:1", true},
		{"r.local/web:1", "other.local/web@sha256:1", false},
	} {
		ref, digest := long(c.ref), long(c.digest)
		if got := digestOf(ref, []string{long("x/y@sha256:0"), digest}); (got == digest) != c.same {
			t.Errorf("digestOf(%s) = %q with %s there", c.ref, got, c.digest)
		}
	}
}

func b64(format string, args ...any) string {
	return base64.StdEncoding.EncodeToString([]byte(long(fmt.Sprintf(format, args...))))
}

var shortDigest = regexp.MustCompile(`(@sha256:)([0-9a-f])[0-9a-f]*`)

// long makes digests of their full length of those in text, such as sha256:aa.
func long(text string) string {
	return shortDigest.ReplaceAllStringFunc(text, func(digest string) string {
		return "@sha256:" + strings.Repeat(digest[len("@sha256:"):][:1], 64)
	})
}

func someState(t *testing.T) State {
	t.Helper()
	lines := []string{
		"current r3",
		"release r3 " + b64(`{"commit":"333333333333","images":[{"service":"a","ref":"x/a:3","digest":"x/a@sha256:3","id":"i3"}]}`),
		"release r1 " + b64(`{"commit":"111111111111","images":[{"service":"a","ref":"x/a:1","digest":"x/a@sha256:1","id":"i1"}]}`),
		"release r2 " + b64(`{"commit":"222222222222","images":[{"service":"a","ref":"x/a:2@sha256:2","digest":"x/a@sha256:2","id":"i2"}]}`),
		"release r4 " + b64(`{"commit":"444444444444"`),
		"unfinished r5",
		"receipt " + b64(`{"kind":"deploy","outcome":"deployed","release":"r3"}`),
		"image x/a:1", "image x/a:2@sha256:2", "image x/a:3", "image x/old:9",
		"lock 7 " + b64("token\nalice\n333333333333\n2026-01-02T03:04:05Z\n"),
	}
	s, err := parseState(long(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseState(t *testing.T) {
	s := someState(t)
	if s.Current != "r3" || len(s.Releases) != 3 || s.Releases[0].Name != "r1" {
		t.Errorf("releases are %v, current %q", s.Releases, s.Current)
	}
	if !slices.Equal(s.unfinished, []string{"r4", "r5"}) {
		t.Errorf("unfinished are %v", s.unfinished)
	}
	if s.Last == nil || s.Last.Release != "r3" {
		t.Errorf("last receipt is %+v", s.Last)
	}
	if s.Lock == nil || *s.Lock != (Lock{Owner: "alice", Commit: "333333333333", Since: "2026-01-02T03:04:05Z", Heartbeat: 7}) {
		t.Errorf("lock is %+v", s.Lock)
	}
	if gone, _ := parseState("current r9\n"); gone.Current != "" {
		t.Errorf("a current release without a folder is %q", gone.Current)
	}
}

func TestFindRelease(t *testing.T) {
	s := someState(t)
	for wanted, want := range map[string]string{"": "r2", "r1": "r1", "1111111": "r1", "333333333333": "r3"} {
		if got, err := s.find(wanted); err != nil || got.Name != want {
			t.Errorf("find(%q) = %v, %v, want %s", wanted, got, err, want)
		}
	}
	for _, wanted := range []string{"r9", "111"} {
		if _, err := s.find(wanted); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "r1 (111111111111") {
			t.Errorf("find(%q): %v, want exit 2 and what there is", wanted, err)
		}
	}
	s.Current = "r1"
	if _, err := s.find(""); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("before the first release: %v, want exit 2", err)
	}
}

func TestSuperfluousKeepsWhatIsNeeded(t *testing.T) {
	s := someState(t)
	s.Services = []Service{{Image: Image{Service: "b", Ref: "x/old:9"}}}
	for keep, want := range map[int][]string{
		3: {"release:r4", "release:r5"},
		2: {"release:r1", "release:r4", "release:r5", "image:x/a:1"},
		1: {"release:r1", "release:r2", "release:r4", "release:r5", "image:x/a:1", long("image:x/a:2@sha256:2")},
	} {
		if got := s.superfluous(keep); !slices.Equal(got, want) {
			t.Errorf("keeping %d removes %v, want %v", keep, got, want)
		}
	}
	s.Current = "r1" // after a rollback
	want := []string{"release:r2", "release:r4", "release:r5", long("image:x/a:2@sha256:2")}
	if got := s.superfluous(1); !slices.Equal(got, want) {
		t.Errorf("after a rollback, keeping 1 removes %v, want %v", got, want)
	}
}

func TestChanges(t *testing.T) {
	before := []Service{{Image: Image{Service: "same"}, id: "1"}, {Image: Image{Service: "new"}, id: "2"}, {Image: Image{Service: "gone"}, id: "3"}}
	after := []Service{{Image: Image{Service: "same"}, id: "1"}, {Image: Image{Service: "new", Ref: "n"}, id: "4"}, {Image: Image{Service: "first"}, id: "5"}}
	got := map[string]string{}
	for _, c := range changes(before, after) {
		got[c.Service] = c.Action
	}
	want := map[string]string{"same": "unchanged", "new": "recreated", "gone": "removed", "first": "created"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An unchanged service keeps its container of an earlier release; a tag that moved does
// not.
func TestDifferences(t *testing.T) {
	of := func(name, id, file string) Service {
		return Service{Image: Image{Service: name, Ref: name + ":1", ID: id}, Container: "p-" + name + "-1", State: "running", file: file}
	}
	s := State{Dir: "/srv", Current: "r2", Releases: []Release{{Name: "r1"}, {Name: "r2", Images: []Image{
		{Service: "web", Ref: "web:2", ID: "2"}, {Service: "same", Ref: "same:1", ID: "1"}, {Service: "gone", Ref: "gone:1", ID: "1"}, {Service: "hand", Ref: "hand:1", ID: "1"},
	}}}}
	s.Services = []Service{of("web", "1", "/srv/releases/r1/a.yml,/srv/releases/r1/b.yml"), of("same", "1", "/srv/releases/r1/a.yml"), of("hand", "1", "/home/x.yml"), of("extra", "1", "/srv/releases/r1/a.yml")}
	want := "gone has no container; p-web-1 runs web:1, and the release web:2; p-hand-1 was started from /home/x.yml; p-extra-1 runs extra:1, and the release does not have the service"
	if got := strings.Join(s.differences(), "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
