package stages

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gitops/ci/lab/githubtest"
	"gitops/ci/progress"
)

// stateServer is a server for Terraform's backend "http". It keeps a lock until it is
// unlocked, whoever asks.
type stateServer struct {
	mu    sync.Mutex
	state []byte
	lock  []byte
}

func (s *stateServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method == "LOCK" && s.lock != nil:
		w.WriteHeader(http.StatusLocked)
		w.Write(s.lock)
	case r.Method == "LOCK":
		s.lock = body
	case r.Method == "UNLOCK":
		s.lock = nil
	case r.Method == http.MethodPost:
		s.state = body
	case s.state == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Write(s.state)
	}
}

const orphan = "6f1e5a0c-1111-2222-3333-444455556666"

// orphanInfo is the lock that a run has put, as Terraform writes it.
func orphanInfo(at time.Time) []byte {
	info, _ := json.Marshal(map[string]string{
		"ID": orphan, "Operation": "OperationTypeApply", "Info": "", "Who": "root@buildkitsandbox", "Version": "1.11.4",
		"Created": at.UTC().Format("2006-01-02T15:04:05.999999999Z"), "Path": "terraform.tfstate",
	})
	return info
}

// holdLock locks the state of a configuration without a backend for as long as the test
// runs. To Terraform this process is another run.
func holdLock(t *testing.T, dir string, at time.Time) {
	t.Helper()
	state, err := os.OpenFile(filepath.Join(dir, "terraform.tfstate"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	if err := syscall.FcntlFlock(state.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".terraform.tfstate.lock.info"), orphanInfo(at), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLeftBehindLockIsExplained(t *testing.T) {
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	run := func(id int64, name, status, conclusion string, from, to time.Duration) githubtest.Run {
		return githubtest.Run{ID: id, Name: name, Status: status, Conclusion: conclusion, Started: at.Add(from), Updated: at.Add(to)}
	}
	killed := run(7, "Terraform apply", "completed", "cancelled", -5*time.Minute, 2*time.Minute)
	before := run(6, "Before", "completed", "success", -time.Hour, -30*time.Minute)
	after := run(9, "After", "in_progress", "", time.Hour, 2*time.Hour)
	terraform := plainTerraform(t, `resource "terraform_data" "one" { input = 1 }`)
	holdLock(t, terraform.Dir, at)
	for name, test := range map[string]struct {
		runs []githubtest.Run
		may  string
		want []string
		not  []string
	}{
		"dead": {[]githubtest.Run{before, killed, after}, "actions",
			[]string{"Terraform apply, which ended 2026-11-27T08:02:00Z (cancelled): ", "/owner/shop/actions/runs/7", "None of them runs any more", "safe to remove"}, []string{"Before", "After"}},
		"alive": {[]githubtest.Run{killed, run(8, "Other", "in_progress", "", -time.Minute, 0)}, "actions",
			[]string{"Other, which still runs: ", "/actions/runs/8", "Wait for the one that still runs"}, []string{"safe to remove"}},
		"elsewhere":     {[]githubtest.Run{before, after}, "actions", []string{"No run of owner/shop on GitHub ran then"}, []string{"safe to remove"}},
		"no permission": {[]githubtest.Run{killed}, "contents", nil, []string{"On GitHub"}},
	} {
		t.Run(name, func(t *testing.T) {
			double := githubtest.New(githubtest.Options{Token: "driver", Repo: "owner/shop"})
			server := httptest.NewServer(double)
			t.Cleanup(server.Close)
			for _, run := range test.runs {
				double.AddRun(run)
			}
			var said strings.Builder
			_, err := Apply(t.Context(), ApplyOptions{Terraform: terraform, Output: Output{Progress: progress.NewProgress(&said)},
				GitHub: GitHubOptions{Repo: "owner/shop", APIURL: server.URL, Token: double.AddToken(map[string]string{test.may: "read"})}})
			if progress.ExitCode(err) != progress.ExitFailed {
				t.Fatalf("got %v", err)
			}
			for _, words := range append(test.want, "root@buildkitsandbox holds it since 2026-11-27 08:00:00 +0000 UTC (OperationTypeApply", "gitops unlock-state --lock "+orphan) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q is not in\n%v", words, err)
				}
			}
			for _, words := range test.not {
				if strings.Contains(err.Error(), words) {
					t.Errorf("%q is in\n%v", words, err)
				}
			}
			if name == "no permission" && !strings.Contains(said.String(), "`actions: read`") {
				t.Errorf("said %q", said.String())
			}
		})
	}
}

// The backend http shows the lock info of the run that wants the lock, beside the ID of
// the one that has it.
func TestLeftBehindLockIsRemoved(t *testing.T) {
	states := &stateServer{lock: orphanInfo(time.Now())}
	server := httptest.NewServer(states)
	t.Cleanup(server.Close)
	terraform := plainTerraform(t, `
terraform {
  backend "http" {}
}
resource "terraform_data" "one" { input = 1 }
`)
	terraform.Backend = []string{"address=" + server.URL, "lock_address=" + server.URL, "unlock_address=" + server.URL}
	_, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "somebody holds it (lock "+orphan+"), and this backend does not tell who") || !strings.Contains(err.Error(), "gitops unlock-state --lock "+orphan) {
		t.Errorf("got %v", err)
	}
	if _, err := UnlockState(t.Context(), UnlockStateOptions{Terraform: terraform}); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("without an ID: %v", err)
	}
	if _, err := UnlockState(t.Context(), UnlockStateOptions{Terraform: terraform, Lock: orphan}); err != nil || states.lock != nil {
		t.Errorf("the lock stays: %v, %s", err, states.lock)
	}
	if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: t.TempDir()}); err != nil {
		t.Errorf("after that: %v", err)
	}
}
