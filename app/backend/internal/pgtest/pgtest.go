// Package pgtest gives tests a real PostgreSQL: one server for a test binary, one database for a test.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backend/internal/config"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	password  = "only-for-this-test-run"
)

// errMissing says that there is no PostgreSQL on this machine.
var errMissing = errors.New("needs PostgreSQL")

var shared struct {
	sync.Mutex
	server  *server
	err     error
	started bool
	count   atomic.Int64
}

// Main runs a package's tests and stops the server that they may have started.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if shared.server != nil {
		shared.server.stop()
	}
	shared.Unlock()
	os.Exit(code)
}

// New returns an empty database. It skips the test where there is no PostgreSQL to run.
func New(t testing.TB) config.Postgres {
	t.Helper()
	s := start(t)
	p := config.Postgres{
		Server: "127.0.0.1", Port: s.port, User: superuser, Password: password,
		DB: fmt.Sprintf("test_%d", shared.count.Add(1)),
	}
	Exec(t, config.Postgres{Server: p.Server, Port: p.Port, User: p.User, Password: p.Password, DB: "postgres"}, "CREATE DATABASE "+p.DB)
	return p
}

// Exec runs a statement on its own connection.
func Exec(t testing.TB, p config.Postgres, sql string, args ...any) {
	t.Helper()
	c := Connect(t, p)
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Connect opens a connection that the caller closes.
func Connect(t testing.TB, p config.Postgres) *pgx.Conn {
	t.Helper()
	u := url.URL{Scheme: "postgres", User: url.UserPassword(p.User, p.Password.Reveal()), Host: p.Address(), Path: p.DB}
	c, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatalf("connecting to the test database: %v", err)
	}
	return c
}

func start(t testing.TB) *server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.started {
		shared.server, shared.err = newServer()
		shared.started = true
	}
	if errors.Is(shared.err, errMissing) {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// server is a PostgreSQL on a free port, its files in a temporary folder.
type server struct {
	dir   string
	port  int
	leash io.Closer
	ended chan struct{}
}

func newServer() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, ended: make(chan struct{})}
	if err := s.launch(bin); err != nil {
		s.stop()
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *server) launch(bin string) error {
	who, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data, secret := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--no-sync", "--encoding", "UTF8", "--locale", "C")
	initdb.Dir, initdb.SysProcAttr = s.dir, who
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	return s.run(filepath.Join(bin, "postgres"), data, who)
}

// run holds the server on a leash: the shell around it stops it when the pipe closes, also when the test is killed.
func (s *server) run(postgres, data string, who *syscall.SysProcAttr) error {
	const leashed = `"$@" </dev/null & server=$!; read -r _; kill -INT $server; wait $server`
	cmd := exec.Command("sh", "-c", leashed, "sh", postgres, "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200")
	cmd.Dir, cmd.SysProcAttr = s.dir, who
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.leash = leash
	go func() {
		_ = cmd.Wait() // an interrupted server is no news
		close(s.ended)
	}()
	if err := s.await(); err != nil {
		s.stop()
		return fmt.Errorf("%w\n%s", err, log.String())
	}
	return nil
}

func (s *server) await() error {
	dsn := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres", superuser, password, s.port)
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var c *pgx.Conn
		if c, err = pgx.Connect(context.Background(), dsn); err == nil {
			return c.Close(context.Background())
		}
	}
	return err
}

func (s *server) stop() {
	if s.leash != nil {
		_ = s.leash.Close()
		<-s.ended
		s.leash = nil
	}
	_ = os.RemoveAll(s.dir)
}

// binaries finds initdb and postgres: the newest of Debian's folders, else what PATH has.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			found = append(found, p)
		}
	}
	for _, p := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(p), "initdb")); err == nil {
			return filepath.Dir(p), nil
		}
	}
	return "", errMissing
}

func version(postgres string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(postgres))))
	return n
}

// unprivileged picks another user where the tests run as root, whom PostgreSQL refuses, and gives it dir.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{superuser, "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("%w: root has no other user to run it as", errMissing)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
