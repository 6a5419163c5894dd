package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/lab/registrytest"
	"gitops/ci/secret"
)

// push pushes an image of some 4,000 bytes with a client of little patience.
func push(ctx context.Context, t *testing.T, address string, change func(*Options)) (int64, error) {
	t.Helper()
	o := Options{Timeout: 20 * time.Second, Answer: 300 * time.Millisecond, FirstWait: time.Millisecond,
		Logins: []Login{{address, "robot", secret.New("registry-password")}}}
	if change != nil {
		change(&o)
	}
	image, err := random.Image(2000, 2)
	if err != nil {
		t.Fatal(err)
	}
	client := New(o)
	ref, err := client.Reference(address + "/team/backend:tag")
	if err != nil {
		t.Fatal(err)
	}
	return client.Try(ctx, "pushing", ref, func(options ...remote.Option) error { return remote.Write(ref, image, options...) })
}

func TestTrySurvivesWhatPasses(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter, r *http.Request){
		"429":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"503":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var failures atomic.Int32
			address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet || r.Method == http.MethodHead || failures.Add(1) > 2 {
					return false
				}
				io.Copy(io.Discard, r.Body) // so that the server notices when we go
				fail(w, r)
				return true
			})
			if sent, err := push(t.Context(), t, address, nil); err != nil || sent < 4000 {
				t.Fatalf("sent %d bytes, %v", sent, err)
			}
			if failures.Load() < 3 {
				t.Errorf("the registry was asked %d times: it never got past its failures", failures.Load())
			}
		})
	}
}

func TestTryWaitsAsLongAsTheRegistryAsks(t *testing.T) {
	var refused atomic.Bool
	address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && refused.CompareAndSwap(false, true) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	})
	begun := time.Now()
	if _, err := push(t.Context(), t, address, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("tried again after %s, the registry asked for 1 s", took)
	}
}

func TestTrySaysWhatIsWrong(t *testing.T) {
	for code, c := range map[int]struct {
		says  string
		again bool // it is tried five times
	}{
		401: {"check the registry's user name and password", false},
		403: {"check that the login has the right to team/backend", false},
		404: {"make the repository team/backend first", false},
		429: {"the registry limits its requests", true},
		500: {"the registry failed", true},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				w.WriteHeader(code)
				return true
			})
			_, err := push(t.Context(), t, address, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "pushing team/backend at "+address) || !strings.Contains(err.Error(), c.says) {
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
	_, err := push(t.Context(), t, "127.0.0.1:1", nil)
	if err == nil || !strings.Contains(err.Error(), "can be reached from here") {
		t.Errorf("no registry: %v", err)
	}
}

func TestTryEndsInTime(t *testing.T) {
	address := registrytest.Start(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	begun := time.Now()
	_, err := push(t.Context(), t, address, func(o *Options) { o.Timeout, o.Answer = time.Second, time.Minute })
	if err == nil || !strings.Contains(err.Error(), "not done after 1.0 s") || time.Since(begun) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}

func TestCancelledTryEnds(t *testing.T) {
	address := registrytest.Start(t, false, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := push(ctx, t, address, func(o *Options) { o.FirstWait = time.Minute }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// A login reaches its own registry alone.
func TestLoginGoesToItsRegistry(t *testing.T) {
	var heard atomic.Value
	address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		heard.Store(user + ":" + password)
		if user == "robot" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if _, err := push(t.Context(), t, address, nil); err != nil || heard.Load() != "robot:registry-password" {
		t.Errorf("heard %v, %v", heard.Load(), err)
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err := push(t.Context(), t, address, func(o *Options) { o.Logins[0].Host = "another.local" })
	if err == nil || heard.Load() != ":" {
		t.Errorf("another registry's login: heard %v, %v", heard.Load(), err)
	}
}
