package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/registry"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// startRegistry starts a registry behind a front that can misbehave: it is asked
// about every request, and answers itself when it returns true.
func startRegistry(t *testing.T, front func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	inner := server.New(server.Logger(log.New(io.Discard, "", 0)))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if front == nil || !front(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	return strings.TrimPrefix(web.URL, "http://")
}

// pusher returns a publisher that is done with building.
func pusher(t *testing.T, change func(*registry.Options)) *publisher {
	t.Helper()
	o := registry.Options{Timeout: 20 * time.Second, Answer: 300 * time.Millisecond, FirstWait: time.Millisecond}
	if change != nil {
		change(&o)
	}
	return &publisher{Options: Options{Tag: commit}, registry: registry.New(o)}
}

func pushTo(t *testing.T, p *publisher, address string) (Ref, error) {
	t.Helper()
	image, err := random.Image(2000, 2)
	if err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository(address + "/team/backend")
	if err != nil {
		t.Fatal(err)
	}
	return p.push(context.Background(), repository, built{service: Service{Name: "backend"}, image: image})
}

func TestPushSurvivesWhatPasses(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter, r *http.Request){
		"429":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"503":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var failures atomic.Int32
			address := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet || r.Method == http.MethodHead || failures.Add(1) > 2 {
					return false
				}
				io.Copy(io.Discard, r.Body) // so that the server notices when we go
				fail(w, r)
				return true
			})
			ref, err := pushTo(t, pusher(t, nil), address)
			if err != nil || !ref.Pushed || ref.Bytes < 4000 {
				t.Fatalf("got %+v, %v", ref, err)
			}
			tag, _ := parse(ref.Ref)
			if there, err := remote.Head(tag); err != nil || !strings.HasSuffix(ref.Ref, there.Digest.String()) {
				t.Errorf("the registry has %+v, %v; want %s", there, err, ref.Ref)
			}
		})
	}
}

func parse(ref string) (name.Reference, error) { return name.ParseReference(ref) }

func TestPushWaitsAsLongAsTheRegistryAsks(t *testing.T) {
	var refused atomic.Bool
	address := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && refused.CompareAndSwap(false, true) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	})
	begun := time.Now()
	if _, err := pushTo(t, pusher(t, nil), address); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("tried again after %s, the registry asked for 1 s", took)
	}
}

func TestPushSaysWhatIsWrong(t *testing.T) {
	for code, c := range map[int]struct {
		says  string
		again bool // it is tried five times
	}{
		401: {"check the registry's user name and password", false},
		403: {"check that the login has the right to team/backend", false},
		404: {"make the repository team/backend first", false},
		429: {"the registry limits its requests", true},
		500: {"a fault of its own", true},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			address := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				w.WriteHeader(code)
				return true
			})
			_, err := pushTo(t, pusher(t, nil), address)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), address) {
				t.Fatalf("the message is %v, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), "(5 attempts)") != c.again {
				t.Errorf("tried again: %v, want %v", err, c.again)
			}
			if strings.Contains(err.Error(), "registry-password") {
				t.Error("the message has the password")
			}
		})
	}
	_, err := pushTo(t, pusher(t, nil), "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "can be reached from here") {
		t.Errorf("no registry: %v", err)
	}
}

func TestPushEndsInTime(t *testing.T) {
	address := startRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	begun := time.Now()
	_, err := pushTo(t, pusher(t, func(o *registry.Options) { o.Timeout, o.Answer = time.Second, time.Minute }), address)
	if err == nil || !strings.Contains(err.Error(), "not done after 1.0 s") || time.Since(begun) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}

// What the registry has is not sent again.
func TestPushTwiceSendsNothing(t *testing.T) {
	address := startRegistry(t, nil)
	image, _ := random.Image(2000, 2)
	repository, _ := name.NewRepository(address + "/team/backend")
	p := pusher(t, nil)
	first, err := p.push(context.Background(), repository, built{image: image})
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.push(context.Background(), repository, built{image: image})
	if err != nil || second.Pushed || second.Bytes != 0 || second.Ref != first.Ref {
		t.Errorf("the second push: %+v, %v; the first %+v", second, err, first)
	}
}

func TestRetagMovesNoLayer(t *testing.T) {
	var blobs atomic.Int32
	address := startRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			blobs.Add(1)
		}
		return false
	})
	ref, err := pushTo(t, pusher(t, nil), address)
	if err != nil {
		t.Fatal(err)
	}
	blobs.Store(0)
	later := strings.Repeat("f", 40)
	from, _ := parse(ref.Ref)
	tag, _ := name.NewTag(address + "/team/backend:" + later)
	got, err := pusher(t, nil).retag(context.Background(), from, tag)
	want := strings.Replace(ref.Ref, commit, later, 1)
	if err != nil || got != want || blobs.Load() != 0 {
		t.Errorf("got %s, %v with %d requests for blobs, want %s", got, err, blobs.Load(), want)
	}
	if there, err := remote.Head(tag); err != nil || !strings.HasSuffix(got, there.Digest.String()) {
		t.Errorf("the registry has %+v, %v", there, err)
	}
}

// When one of several cannot be pushed, no ref comes back.
func TestAllArePushedOrNone(t *testing.T) {
	address := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/bad/") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	p := pusher(t, nil)
	var images []built
	for _, service := range []string{"good", "bad", "worse"} {
		image, _ := random.Image(100, 1)
		repository, _ := name.NewRepository(address + "/team/" + strings.Replace(service, "worse", "x/bad/y", 1) + "/image")
		p.repositories = append(p.repositories, repository)
		images = append(images, built{service: Service{Name: service}, image: image})
	}
	refs, err := p.pushAll(context.Background(), images)
	if err == nil || refs != nil || !strings.Contains(err.Error(), "team/bad/image") || !strings.Contains(err.Error(), "team/x/bad/y/image") {
		t.Errorf("refs %v, error %v", refs, err)
	}
}

func TestCancelledPushEnds(t *testing.T) {
	address := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	p := pusher(t, func(o *registry.Options) { o.FirstWait = time.Minute })
	image, _ := random.Image(100, 1)
	repository, _ := name.NewRepository(address + "/a/b")
	if _, err := p.push(ctx, repository, built{image: image}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
