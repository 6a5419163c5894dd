package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// worked is the result of a stage that says how it ended.
type worked struct{ Outcome string }

func (w worked) standing() (string, bool) { return w.Outcome, true }

// several are options for hosts of these names, whose keys are known.
func several(t *testing.T, names ...string) HostOptions {
	t.Helper()
	key, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	h := HostOptions{Address: names[0], HostKey: public, User: "ubuntu", Key: key}
	for _, name := range names[1:] {
		h.More = append(h.More, HostAddress{Address: name, HostKey: public, User: "ubuntu"})
	}
	return h
}

// outcomes are the hosts of a result with how they stand.
func outcomes[R any](r HostsResult[R]) (all []string) {
	for _, h := range r.Hosts {
		all = append(all, h.Host+" "+h.Outcome)
	}
	return all
}

func TestTheFirstHostGoesAloneThenSomeAtATime(t *testing.T) {
	var mu sync.Mutex
	now, most, begun := 0, 0, 0
	h := several(t, "a", "b", "c", "d", "e", "f", "g")
	r, err := OnHosts(t.Context(), h, HostsOptions{Parallel: 3}, Output{}, func(_ context.Context, one HostOptions, _ Output) (worked, error) {
		mu.Lock()
		begun++
		now++
		most = max(most, now)
		if one.Address == "a" && begun > 1 || one.Address != "a" && begun == 1 {
			t.Errorf("%s is number %d", one.Address, begun)
		}
		mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if now--; one.Address == "a" && begun > 1 {
			t.Error("others began before the canary ended")
		}
		return worked{"deployed"}, nil
	})
	if err != nil || most != 3 || begun != 7 || r.Outcome != "done" {
		t.Errorf("%d at a time, %d of 7, %+v, %v", most, begun, r, err)
	}
}

func TestTheFirstFailureEndsIt(t *testing.T) {
	refused := progress.Refused("locked")
	for name, test := range map[string]struct {
		fails    string
		parallel int
		keep     bool
		want     string
		exit     int
	}{
		"canary":          {"a", 3, false, "a refused,b not tried,c not tried,d not tried", progress.ExitRefused},
		"second":          {"b", 1, false, "a done,b refused,c not tried,d not tried", progress.ExitFailed},
		"beside others":   {"b", 2, false, "a done,b refused,c done,d not tried", progress.ExitFailed},
		"all the same":    {"b", 1, true, "a done,b refused,c done,d done", progress.ExitFailed},
		"parallel unsaid": {"c", 0, false, "a done,b done,c refused,d not tried", progress.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			others := make(chan struct{})
			r, err := OnHosts(t.Context(), several(t, "a", "b", "c", "d"), HostsOptions{test.parallel, test.keep}, Output{},
				func(_ context.Context, one HostOptions, _ Output) (worked, error) {
					if one.Address == "c" {
						close(others)
					}
					if one.Address == test.fails {
						if test.parallel == 2 {
							<-others
						}
						return worked{"refused"}, refused
					}
					time.Sleep(50 * time.Millisecond)
					return worked{"done"}, nil
				})
			if got := strings.Join(outcomes(r), ","); got != test.want || r.Outcome != "failed" {
				t.Errorf("got  %s, %s\nwant %s", got, r.Outcome, test.want)
			}
			if progress.ExitCode(err) != test.exit || !errors.Is(err, refused) || !strings.Contains(err.Error(), "host "+test.fails+": locked") {
				t.Errorf("exit %d, want %d: %v", progress.ExitCode(err), test.exit, err)
			}
			if strings.Contains(test.want, NotTried) != strings.Contains(err.Error(), "not tried: ") {
				t.Errorf("the error does not say who is left: %v", err)
			}
		})
	}
}

func TestCancellingReachesEveryHost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := OnHosts(ctx, several(t, "a", "b", "c", "d"), HostsOptions{Parallel: 2}, Output{},
		func(ctx context.Context, one HostOptions, _ Output) (worked, error) {
			if one.Address == "a" {
				return worked{"done"}, nil
			}
			time.AfterFunc(50*time.Millisecond, cancel)
			<-ctx.Done()
			return worked{"restored"}, ctx.Err()
		})
	want := []string{"a done", "b restored", "c restored", "d not tried"}
	if got := outcomes(r); !slices.Equal(got, want) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	ctx, cancel = context.WithCancel(t.Context())
	r, err = OnHosts(ctx, several(t, "a", "b"), HostsOptions{}, Output{}, func(context.Context, HostOptions, Output) (worked, error) {
		cancel()
		return worked{"done"}, nil
	})
	if want := []string{"a done", "b not tried"}; !slices.Equal(outcomes(r), want) || !errors.Is(err, context.Canceled) {
		t.Errorf("between two hosts: got %q, %v, want %q and the cancellation", outcomes(r), err, want)
	}
}

// Bad options of the last host are found before the first is touched.
func TestNoHostIsTouchedWhileOneIsBadlyNamed(t *testing.T) {
	touch := func(context.Context, HostOptions, Output) (worked, error) {
		t.Error("a host was touched")
		return worked{}, nil
	}
	for says, change := range map[string]func(*HostOptions){
		"host b: --host needs --host-key": func(h *HostOptions) { h.More[0].HostKey = "" },
		"named twice":                     func(h *HostOptions) { h.More[0].Address = "a" },
		"give one of them":                func(h *HostOptions) { h.Outputs = "outputs.json" },
		"SSH_AUTH_SOCK":                   func(h *HostOptions) { h.Key = secret.Value{} },
	} {
		h := several(t, "a", "b")
		change(&h)
		if _, err := OnHosts(t.Context(), h, HostsOptions{}, Output{}, touch); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want exit 2 and %q", err, says)
		}
	}
	if _, err := several(t, "a", "b").config(); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "one host") {
		t.Errorf("a stage for one host took two: %v", err)
	}
}

func TestResultsOfOneHostStayAsTheyWere(t *testing.T) {
	one := HostsResult[worked]{One: worked{"deployed"}}
	if got, err := json.Marshal(one); err != nil || string(got) != `{"Outcome":"deployed"}` {
		t.Errorf("got %s, %v", got, err)
	}
	two := HostsResult[worked]{Outcome: "failed", Hosts: []HostResult[worked]{{Host: "a", Outcome: "deployed", Result: &one.One}, {Host: "b", Outcome: NotTried}}}
	want := `{"outcome":"failed","hosts":[{"host":"a","outcome":"deployed","result":{"Outcome":"deployed"}},{"host":"b","outcome":"not tried"}]}`
	if got, err := json.Marshal(two); err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestHostsOfOutputs(t *testing.T) {
	_, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "outputs.json")
	text := fmt.Sprintf(`{"hosts": {"type": "dynamic", "value": [{"address": "203.0.113.7", "user": "ubuntu", "host_public_key": %q},
		{"address": "203.0.113.8", "user": "admin", "port": 2222, "host_public_key": %[1]q}]}}`, public)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := HostOptions{Outputs: file, Agent: true}.Each()
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if c, err := all[1].config(); err != nil || c.Address != "203.0.113.8:2222" || c.User != "admin" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := (HostOptions{Outputs: file, Agent: true}).config(); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("a stage for one host took two: %v", err)
	}
}

// lab is several hosts: real sshds with a folder and a project each, on one engine.
type lab struct {
	t     *testing.T
	hosts HostOptions
	dir   string
	image string
	said  said
}

// said is what the progress has told. It calls then once, at the first line that
// has a text.
type said struct {
	text string
	then func()
}

func (s *said) Write(p []byte) (int, error) {
	if s.then != nil && strings.Contains(string(p), s.text) {
		s.then()
		s.then = nil
	}
	return len(p), nil
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() != nil || exec.Command("docker", "version").Run() != nil {
		t.Skip("needs a Docker engine and Compose")
	}
	l := &lab{t: t, dir: t.TempDir(), image: fmt.Sprintf("gitops-hosts-test-%d:v1", os.Getpid())}
	first := hosttest.Start(t)
	l.hosts = HostOptions{Address: first.Address, HostKey: first.HostPublicKey, User: first.User, Wait: time.Minute}
	// One login for all, as people have it: each host's own key is in one agent.
	keys := []secret.Value{first.Key}
	for range 2 {
		more := hosttest.Start(t)
		keys = append(keys, more.Key)
		l.hosts.More = append(l.hosts.More, HostAddress{Address: more.Address, HostKey: more.HostPublicKey, User: more.User})
	}
	hosttest.Agent(t, keys...)
	l.hosts.Agent = true
	l.sh(`CGO_ENABLED=0 go build -o "$1/app" ../deploy/testdata/app && printf 'FROM scratch\nCOPY app /app\nENTRYPOINT ["/app"]\n' >"$1/Dockerfile" &&
		docker build --quiet --tag "$2" "$1" && rm "$1/app" "$1/Dockerfile"`)
	t.Cleanup(func() {
		l.sh(`docker ps -aq --filter "ancestor=$2" | xargs -r docker rm -f; docker network ls -q --filter "name=${2%:v1}" | xargs -r docker network rm; docker image rm "$2"`)
	})
	return l
}

func (l *lab) sh(script string) {
	l.t.Helper()
	if out, err := exec.Command("sh", "-c", script, "sh", l.dir, l.image).CombinedOutput(); err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
}

// deploy deploys to all hosts. The service behaves as the map says for its host.
func (l *lab) deploy(ctx context.Context, commit string, parallel int, behaviours map[string]string) (HostsResult[DeployResult], error) {
	l.t.Helper()
	manifest := filepath.Join(l.dir, "compose.yml")
	text := fmt.Sprintf(`services:
  web:
    image: %s
    environment: {BEHAVIOUR: "${BEHAVIOUR}"}
    healthcheck: {test: ["CMD", "/app", "healthy"], interval: 1s, retries: 2, start_period: 1s}
    stop_grace_period: 1s
`, l.image)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	out := Output{Progress: progress.NewProgress(io.MultiWriter(l.t.Output(), &l.said))}
	return OnHosts(ctx, l.hosts, HostsOptions{Parallel: parallel}, out, func(ctx context.Context, one HostOptions, out Output) (DeployResult, error) {
		_, port, _ := strings.Cut(one.Address, ":")
		o := DeployOptions{Manifests: []string{manifest}, Commit: strings.Repeat(commit, 40)}
		o.RollOptions = RollOptions{Host: one, Output: out, Actor: "test", GateTimeout: 20 * time.Second, LockWait: time.Minute, Keep: 3,
			Place:     deploy.Place{Dir: filepath.Join(l.dir, port), Project: strings.TrimSuffix(l.image, ":v1") + "-" + port},
			Variables: map[string]secret.Value{"BEHAVIOUR": secret.New(behaviours[one.Address])}}
		return Deploy(ctx, o)
	})
}

// TestDeployToSeveralHosts deploys to three, then a release that one of them cannot
// run: it is restored, and the one after it keeps what it runs.
func TestDeployToSeveralHosts(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	l := newLab(t)
	a, b, c := l.hosts.Address, l.hosts.More[0].Address, l.hosts.More[1].Address
	r, err := l.deploy(t.Context(), "a", 2, map[string]string{a: "v1", b: "v1", c: "v1"})
	if want := []string{a + " deployed", b + " deployed", c + " deployed"}; err != nil || !slices.Equal(outcomes(r), want) {
		t.Fatalf("got %q, %v", outcomes(r), err)
	}
	r, err = l.deploy(t.Context(), "b", 1, map[string]string{a: "v2", b: "sick", c: "v2"})
	want := []string{a + " deployed", b + " restored", c + " " + NotTried}
	if !slices.Equal(outcomes(r), want) || progress.ExitCode(err) != progress.ExitFailed {
		t.Fatalf("got %q, exit %d, %v, want %q", outcomes(r), progress.ExitCode(err), err, want)
	}
	if r.Hosts[1].Result.Failure == nil || r.Hosts[1].Error == "" || r.Hosts[2].Result != nil {
		t.Errorf("the receipt does not say why: %+v", r.Hosts)
	}
	for _, words := range []string{"1 of 3 hosts are done", "host " + b + ": ", "not tried: " + c} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("error lacks %q: %v", words, err)
		}
	}
	// Cancelled while two are at work, each goes back by itself.
	ctx, cancel := context.WithCancel(t.Context())
	l.said = said{text: c + ": ", then: func() { time.AfterFunc(4*time.Second, cancel) }}
	r, err = l.deploy(ctx, "c", 2, map[string]string{a: "v1", b: "sick", c: "sick"})
	if !errors.Is(err, context.Canceled) || r.Hosts[0].Outcome != deploy.Deployed {
		t.Fatalf("got %q, %v", outcomes(r), err)
	}
	for _, h := range r.Hosts[1:] {
		if !slices.Contains([]string{deploy.Restored, deploy.Untouched}, h.Outcome) {
			t.Errorf("%s is %s: %s", h.Host, h.Outcome, h.Error)
		}
	}
	l.sh(`test "$(docker ps --filter "ancestor=$2" --filter health=healthy --quiet | wc -l)" -eq 3`)
}
