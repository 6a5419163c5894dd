//go:build faults

package deploy_test

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/deploy"
	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
)

// moody is a registry that misbehaves as it is told.
type moody struct {
	address string
	mood    atomic.Pointer[registrytest.Front]
	asked   atomic.Int32
}

func newMoody(t *testing.T) *moody {
	t.Helper()
	m := &moody{}
	m.address = registrytest.Start(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		m.asked.Add(1)
		mood := m.mood.Load()
		return mood != nil && (*mood)(w, r)
	})
	return m
}

func (m *moody) becomes(front registrytest.Front) { m.mood.Store(&front) }

// status is a registry that answers every request with a status.
func status(code int) registrytest.Front {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if code == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="moody"`)
		}
		w.WriteHeader(code)
		return true
	}
}

// corrupt is a registry whose layers arrive with other bytes.
func corrupt(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		return false
	}
	w.Write([]byte("not the layer"))
	return true
}

// slow is a registry that takes a second for every answer.
func slow(http.ResponseWriter, *http.Request) bool {
	time.Sleep(time.Second)
	return false
}

// silent is a registry that takes requests and answers none.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// pushNew puts an image with a layer of so many bytes that no engine has into the
// registry.
func pushNew(t *testing.T, ref, architecture string, size int64) {
	t.Helper()
	made, err := random.Image(size, 1)
	if err != nil {
		t.Fatal(err)
	}
	config, err := made.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", architecture
	made, err1 := mutate.ConfigFile(made, config)
	tag, err2 := name.NewTag(ref)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, made); err != nil {
		t.Fatal(err)
	}
}

// A registry that does not give the image: nothing is stopped or started, and the
// message names the image and what the registry said.
func TestFaultRegistry(t *testing.T) {
	p := newFaultPlace(t)
	m := newMoody(t)
	ref := m.address + "/team/web:good"
	push(t, image("good-2"), ref)
	foreign, damaged := m.address+"/team/web:foreign", m.address+"/team/web:damaged"
	pushNew(t, foreign, "s390x", 64)
	pushNew(t, damaged, runtime.GOARCH, 64)
	t.Cleanup(func() { exec.Command("docker", "image", "rm", ref, foreign).Run() })
	p.under("refuses", 0, func(p *faultPlace) {
		for _, one := range []struct {
			name  string
			front registrytest.Front
			ref   string
			says  []string
		}{
			{"401", status(http.StatusUnauthorized), ref, []string{"pulling " + ref, "give a login for the registry"}},
			{"429", status(http.StatusTooManyRequests), ref, []string{"pulling " + ref, "the registry limits how often it is asked"}},
			{"503", status(http.StatusServiceUnavailable), ref, []string{"pulling " + ref, "deploy again when the host reaches the registry"}},
			{"missing tag", nil, m.address + "/team/web:missing", []string{"pulling " + m.address + "/team/web:missing", "the registry does not have it"}},
			{"down", nil, "127.0.0.1:1/team/web:good", []string{"pulling 127.0.0.1:1/team/web:good", "deploy again when the host reaches the registry", "refused"}},
		} {
			p.t.Log(one.name)
			m.becomes(func(w http.ResponseWriter, r *http.Request) bool { return one.front != nil && one.front(w, r) })
			before := m.asked.Load()
			p.fails(p.to(one.ref), deploy.Untouched, progress.ExitFailed, append(one.says, "nothing was stopped")...)
			if one.name != "down" && m.asked.Load() == before {
				p.t.Errorf("%s: the registry was not asked", one.name)
			}
		}
	})
	p.under("damaged, and for another platform", 0, func(p *faultPlace) {
		m.becomes(corrupt)
		p.fails(p.to(damaged), deploy.Untouched, progress.ExitFailed, "pulling "+damaged, "push the image again", "nothing was stopped")
		m.becomes(func(http.ResponseWriter, *http.Request) bool { return false })
		p.fails(p.to(foreign), deploy.Untouched, progress.ExitRefused, "is built for linux/s390x", "release.platforms", "nothing was stopped")
	})
	p.under("silent, and the run is cancelled", 0, func(p *faultPlace) {
		m.becomes(silent)
		cancelledWithin(p, p.to(ref), "pull", 5*time.Second)
	})
	p.under("silent, and the client is killed", 0, func(p *faultPlace) {
		manifest := p.manifest(ref)
		before := m.asked.Load()
		cmd := p.deployUntil("pull …", p.commit(), manifest)
		for deadline := time.Now().Add(20 * time.Second); m.asked.Load() == before && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	p.under("slow", 0, func(p *faultPlace) {
		m.becomes(slow)
		receipt, err := deploy.Deploy(context.Background(), p.client, p.to(ref))
		if err != nil || receipt.Outcome != deploy.Deployed {
			p.t.Errorf("%s: %v", receipt.Outcome, err)
		}
	})
}

// cancelledWithin cancels a deploy in a step before anything was started, and expects it
// to end soon: within the limit on a quiet machine, and on a busy one later by what the
// four scripts take there that discard the release, write the receipt and give the lock
// back.
func cancelledWithin(p *faultPlace, o deploy.Options, step string, limit time.Duration) {
	p.t.Helper()
	begun := time.Now()
	p.status()
	limit += 4 * time.Since(begun)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at atomic.Int64
	o.Progress = progress.NewProgress(writerFunc(func(line string) {
		if strings.HasPrefix(line, step+" …") {
			time.AfterFunc(2*time.Second, func() { at.Store(time.Now().UnixNano()); cancel() })
		}
	}))
	receipt, err := deploy.Deploy(ctx, p.client, o)
	took := time.Since(time.Unix(0, at.Load()))
	if !errors.Is(err, context.Canceled) || receipt.Outcome != deploy.Untouched || took > limit {
		p.t.Errorf("%s, %s after it was cancelled: %v", receipt.Outcome, progress.Seconds(took), err)
	}
	p.t.Logf("ended %s after it was cancelled, at most %s may be: %v", progress.Seconds(took), progress.Seconds(limit), err)
}
