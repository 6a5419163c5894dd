package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"backend/internal/config"
	"backend/internal/pgtest"
)

// asBackend makes the test binary behave as the backend itself, so that tests run, signal and watch a real process.
const asBackend = "TEST_AS_BACKEND"

func TestMain(m *testing.M) {
	if os.Getenv(asBackend) != "" {
		main()
		return
	}
	pgtest.Main(m)
}

const (
	adminEmail    = "admin@example.com"
	adminPassword = "planted-admin-password"
	signingKey    = "planted-signing-key-of-forty-characters."
	testRelease   = "0123456789abcdef0123456789abcdef01234567"
)

func environment(p config.Postgres, changes ...string) []string {
	return append([]string{
		asBackend + "=1", "GIT_SHA=" + testRelease, "LISTEN=127.0.0.1:0", "METRICS_LISTEN=127.0.0.1:0", "DRAIN_SECONDS=0",
		"ENVIRONMENT=production", "DOMAIN=app.test", "PROJECT_NAME=Test project", "STACK_NAME=test-stack",
		"SECRET_KEY=" + signingKey, "FIRST_SUPERUSER=" + adminEmail, "FIRST_SUPERUSER_PASSWORD=" + adminPassword,
		"BACKEND_CORS_ORIGINS=http://app.test,http://localhost:5173", "LOG_LEVEL=debug",
		"POSTGRES_SERVER=" + p.Server, "POSTGRES_PORT=" + strconv.Itoa(p.Port), "POSTGRES_DB=" + p.DB,
		"POSTGRES_USER=" + p.User, "POSTGRES_PASSWORD=" + p.Password.Reveal(),
	}, changes...)
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = env
	return cmd
}

// backend is a running process, its database, and what it has logged.
type backend struct {
	t            *testing.T
	cmd          *exec.Cmd
	api, metrics string // base addresses
	database     config.Postgres
	exited       chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

func startBackend(t *testing.T, changes ...string) *backend {
	t.Helper()
	p := pgtest.New(t)
	b := &backend{t: t, cmd: command(t, environment(p, changes...), "serve"), database: p, exited: make(chan struct{})}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.cmd.Stderr = b.cmd.Stdout
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	serving := make(chan struct{})
	go b.follow(out, serving)
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.exited
	})
	select {
	case <-serving:
	case <-b.exited:
		t.Fatalf("the backend ended early:\n%s", b.logged())
	case <-time.After(30 * time.Second):
		t.Fatalf("the backend does not serve:\n%s", b.logged())
	}
	return b
}

// follow reads the log to its end and learns the addresses from it.
func (b *backend) follow(out io.Reader, serving chan struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		b.mu.Lock()
		b.log.Write(append(lines.Bytes(), '\n'))
		b.mu.Unlock()
		var line struct{ Msg, API, Metrics string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			b.api, b.metrics = "http://"+line.API, "http://"+line.Metrics
			close(serving)
		}
	}
	_ = b.cmd.Wait() // the exit code stays in ProcessState
	close(b.exited)
}

func (b *backend) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

func (b *backend) terminate() {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
}

// exit waits for the process and returns its exit code.
func (b *backend) exit() int {
	b.t.Helper()
	select {
	case <-b.exited:
	case <-time.After(20 * time.Second):
		b.t.Fatalf("the backend does not end:\n%s", b.logged())
	}
	return b.cmd.ProcessState.ExitCode()
}

type answer struct {
	status int
	header http.Header
	body   string
	closes bool // asks to close the connection
}

func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(a.body), &fields); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	s, _ := fields[name].(string)
	return s
}

// ask sends a request; headers come in pairs.
func (b *backend) ask(method, path, body string, headers ...string) answer {
	b.t.Helper()
	return ask(b.t, method, b.api+path, body, headers...)
}

func ask(t *testing.T, method, address, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content), response.Close}
}

func (b *backend) login(email, password string, headers ...string) answer {
	b.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}, "scope": {""}, "client_id": {""}}
	return b.ask("POST", "/api/v1/login/access-token", form.Encode(),
		append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

// as returns what asks with the token of a user.
func (b *backend) as(email, password string) func(method, path, body string) answer {
	b.t.Helper()
	in := b.login(email, password)
	if in.status != http.StatusOK {
		b.t.Fatalf("login of %s: %d %s", email, in.status, in.body)
	}
	token := in.field(b.t, "access_token")
	return func(method, path, body string) answer {
		b.t.Helper()
		return b.ask(method, "/api/v1"+path, body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
	}
}
