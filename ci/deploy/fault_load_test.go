//go:build faults

package deploy_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/loadtest"
)

// rate is how many requests a second go on during each fault.
const rate = 100

func answers(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// kinds are what the load sends.
func kinds() []loadtest.Kind {
	return []loadtest.Kind{
		loadtest.Page("page", "/", "<title>app</title>", 60),
		loadtest.Page("API read", "/api/version", "", 39),
		loadtest.Slow("2-second request", "/api/slow?seconds=2", 2*time.Second, 1),
	}
}

// under runs a fault, the deploy after it and the load on both as a subtest. At most so
// many requests may fail; zero where the fault leaves a container that can serve.
func (p *faultPlace) under(name string, allowed int, fault func(*faultPlace)) {
	p.t.Helper()
	ran := p.t.Run(name, func(t *testing.T) {
		inside := p.in(t)
		load, err := loadtest.Start(context.Background(), loadtest.Load{URL: p.url(), Rate: rate, Kinds: kinds(), Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		stop, seen := make(chan struct{}), make(chan string, 1)
		go func() { seen <- watchProcesses(inside.secrets(), 100*time.Millisecond, stop) }()
		defer func() {
			close(stop)
			if line := <-seen; line != "" {
				t.Errorf("a process list showed a secret: %s", line)
			}
			result := load.Stop()
			if failed := len(inside.outside(result)); failed > allowed || len(result.Requests) < 10 {
				t.Errorf("%d requests failed, %d may: %s", failed, allowed, result)
			} else {
				t.Logf("load: %s", result)
			}
			inside.scanHost()
			p.current, p.count = inside.current, inside.count
		}()
		fault(inside)
		inside.recovers()
	})
	if !ran {
		p.t.Logf("%s failed; the faults after it begin from what it left", name)
	}
}

// outage is a time in which nothing can answer.
type outage struct{ from, to time.Time }

// outside returns the requests that failed, and had no part in an outage.
func (p *faultPlace) outside(r loadtest.Result) []loadtest.Request {
	return slices.DeleteFunc(r.Failed(), func(one loadtest.Request) bool {
		return slices.ContainsFunc(p.outages, func(o outage) bool {
			return !r.Begun.Add(one.End).Before(o.from) && !r.Begun.Add(one.Start).After(o.to)
		})
	})
}

// secrets are the planted value, raw and encoded.
func (p *faultPlace) secrets() []string {
	return []string{p.password, base64.StdEncoding.EncodeToString([]byte(p.password)), base64.RawURLEncoding.EncodeToString([]byte(p.password))}
}

// scanHost looks for the planted values in what deploys have written: the host's files,
// the progress, and what the engine tells of containers apart from their environment,
// which is where the manifest puts the value.
func (p *faultPlace) scanHost() {
	p.t.Helper()
	for _, dir := range p.hostFiles() {
		if files := scanFiles(p.t, dir, p.secrets()); files == 0 && dir == p.dir {
			p.t.Errorf("no file of %s was looked at", dir)
		}
	}
	scan(p.t, "progress", p.log.Bytes(), p.secrets())
	ids := strings.Fields(run(p.t, exec.Command("docker", "ps", "-aq", "--filter", "label=com.docker.compose.project="+p.project)))
	if len(ids) == 0 {
		p.t.Error("no container was looked at")
		return
	}
	format := `{{.Name}}{{json .Config.Labels}}{{json .Config.Cmd}}{{json .Args}}{{json .Mounts}}{{json .Config.Healthcheck}}`
	scan(p.t, "container metadata", []byte(run(p.t, exec.Command("docker", append([]string{"inspect", "--format", format}, ids...)...))), p.secrets())
}
