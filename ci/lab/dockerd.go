package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/retry"
)

// stateDir is where the users of an engine that a lab started find each other.
// It is on a file system that a restart of the machine empties.
const stateDir = "/run/gitops-lab"

// lock is a held lock on a file.
type lock struct{ file *os.File }

// lockFile waits for the exclusive lock on the file name in stateDir.
func lockFile(ctx context.Context, name string) (*lock, error) {
	return lockPath(ctx, filepath.Join(stateDir, name))
}

// lockPath waits for the exclusive lock on the file at path.
func lockPath(ctx context.Context, path string) (*lock, error) {
	file, err := openLock(path)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return &lock{file}, nil
		}
		if err := retry.Sleep(ctx, 100*time.Millisecond); err != nil {
			file.Close()
			return nil, fmt.Errorf("waiting for the lock on %s: %w", path, err)
		}
	}
}

func openLock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	return file, nil
}

func (l *lock) release() { l.file.Close() }

// hold is one process's share in an engine that a lab started. It ends with the
// process, however that ends.
type hold struct{ file *os.File }

func holdEngine(context.Context) (*hold, error) {
	file, err := openLock(filepath.Join(stateDir, "users.lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_SH); err != nil {
		file.Close()
		return nil, fmt.Errorf("holding the Docker engine: %w", err)
	}
	return &hold{file}, nil
}

// last gives the share back and reports whether nobody else has one.
func (h *hold) last() bool {
	defer h.file.Close()
	return syscall.Flock(int(h.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

func pidFile() string { return filepath.Join(stateDir, "dockerd.pid") }

// enginePID returns the process of the engine that a lab started, 0 when there
// is none or it has ended.
func enginePID() int {
	content, err := os.ReadFile(pidFile())
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	// "1234 (dockerd) S 1 …"; Z is a process that ended and that nobody waited for.
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := strings.Cut(string(stat), " (dockerd) ")
	if !found || strings.HasPrefix(state, "Z") {
		return 0
	}
	return pid
}

func ours() bool { return enginePID() != 0 }

// startEngine starts dockerd so that it outlives this process, and waits until
// it answers. The caller has the setup lock.
func startEngine(ctx context.Context, p *progress.Progress) error {
	logPath := filepath.Join(stateDir, "dockerd.log")
	end := p.Start("starting a Docker engine on this machine (log: " + logPath + ")")
	err := spawnEngine(ctx, logPath)
	end(err)
	return err
}

func spawnEngine(ctx context.Context, logPath string) error {
	logFile, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("starting dockerd: %w", err)
	}
	defer logFile.Close()
	cmd := exec.Command("dockerd")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	// Ctrl-C is for gitops, which still needs the engine to clean up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting dockerd: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := os.WriteFile(pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return fmt.Errorf("starting dockerd: %w", err)
	}
	if err := awaitEngine(ctx, ended); err != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		os.Remove(pidFile())
		content, _ := os.ReadFile(logPath)
		return fmt.Errorf("starting dockerd: %w: %s", err, program.LastLines(string(content), 5))
	}
	return nil
}

// awaitEngine waits for up to a minute until the engine answers.
func awaitEngine(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if DockerAnswers(ctx) {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended at once (%w)", err)
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// stopEngine ends the engine that a lab started and waits for it. The caller has
// the setup lock.
func stopEngine(ctx context.Context) error {
	pid := enginePID()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping dockerd: %w", err)
	}
	for ours() {
		if err := retry.Sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("stopping dockerd (process %d): %w", pid, err)
		}
	}
	os.Remove(pidFile())
	return nil
}
