package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gitops/ci/host"
	"gitops/ci/progress"
	"gitops/ci/retry"
)

// Lock is who deploys to a place right now.
type Lock struct {
	// Owner and Commit are those of the deploy that has the lock.
	Owner  string `json:"owner"`
	Commit string `json:"commit"`
	// Since is when it was taken, by the host's clock.
	Since string `json:"since"`
	// Heartbeat is how long ago, in seconds, the run last showed that it lives.
	Heartbeat int `json:"heartbeat"`
}

func (l Lock) String() string {
	return fmt.Sprintf("%s deploying %s since %s, last heartbeat %d s ago", l.Owner, short(l.Commit), l.Since, l.Heartbeat)
}

// parseLock reads the lines of a lock file and the age of its heartbeat.
func parseLock(age string, lines []string) Lock {
	at := func(i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return "unknown" // a lock file that was cut short
	}
	seconds, _ := strconv.Atoi(age)
	return Lock{Owner: at(1), Commit: at(2), Since: at(3), Heartbeat: seconds}
}

// hold is a lock that this run has.
type hold struct {
	beats   *io.PipeWriter
	stop    chan struct{}
	stopped chan struct{}
	ended   chan error
	// tookOver is the expired lock that was taken over, if there was one.
	tookOver *Lock
}

// lock waits for the lock, takes it and keeps it fresh until release. lost is
// called when it is lost meanwhile.
func (r *run) lock(ctx context.Context, lost func(error)) (*hold, error) {
	r.token = rand.Text()
	deadline := time.Now().Add(r.o.LockWait)
	for {
		state, other, err := r.tryLock(ctx, "")
		if err != nil {
			return nil, fmt.Errorf("taking the deploy lock: %w", err)
		}
		if state != "held" {
			return r.keep(ctx, state, other, lost), nil
		}
		if time.Now().After(deadline) {
			return nil, progress.Refused("another deploy has the lock: %s; waited %s. Try again later; "+
				"if that run is dead, its lock expires %s after its last heartbeat",
				other, progress.Seconds(r.o.LockWait), progress.Seconds(r.o.LockTTL))
		}
		r.o.Progress.Say("waiting for the deploy lock: %s", other)
		if err := retry.Sleep(ctx, min(lockPoll, time.Until(deadline)+time.Millisecond)); err != nil {
			return nil, fmt.Errorf("waiting for the deploy lock: %w", err)
		}
	}
}

// lockPoll is how often a waiting deploy looks at the lock.
const lockPoll = 2 * time.Second

// tryLock asks for the lock; earlier is the token that this run had before, if it had
// one.
func (r *run) tryLock(ctx context.Context, earlier string) (state string, other Lock, err error) {
	ttl := strconv.Itoa(int(max(r.o.LockTTL.Seconds(), 1)))
	out, err := r.script(ctx, "lock", "", ttl, r.o.Actor, r.target.commit, earlier)
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if err != nil || len(lines) < 2 {
		return lines[0], Lock{}, err
	}
	return lines[0], parseLock(lines[1], lines[2:]), nil
}

// keep starts the script that keeps the lock while this process lives: the script
// gets a line now and then, and ends with the connection.
func (r *run) keep(ctx context.Context, state string, other Lock, lost func(error)) *hold {
	reader, writer := io.Pipe()
	h := &hold{beats: writer, stop: make(chan struct{}), stopped: make(chan struct{}), ended: make(chan error, 1)}
	if state == "taken" {
		h.tookOver = &other
		r.o.Progress.Say("took over the deploy lock of a run that is dead: %s", other)
	}
	args := []string{"sh", "-euc", r.text("keep", ""), "keep", r.Dir, r.Project, r.token}
	go func() {
		// A cancelled deploy still needs its lock, to restore what ran.
		_, err := r.host.Run(context.WithoutCancel(ctx), host.Command{Args: args, Stdin: reader})
		reader.Close()
		if err != nil {
			lost(fmt.Errorf("keeping the deploy lock: %w", err))
		}
		h.ended <- err
	}()
	go h.beat(r.o.LockTTL / 4)
	return h
}

// relock takes the lock again after the connection was lost, unless another run had it
// meanwhile.
func (r *run) relock(ctx context.Context) error {
	earlier := r.token
	r.token = rand.Text()
	state, _, err := r.tryLock(ctx, earlier)
	switch {
	case err != nil:
		return fmt.Errorf("taking the deploy lock again: %w", err)
	case state != "kept":
		return errors.New("another deploy had the lock while the host could not be reached")
	}
	r.held.abandon()
	r.held = r.keep(ctx, state, Lock{}, func(error) {})
	return nil
}

func (h *hold) beat(every time.Duration) {
	defer close(h.stopped)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(h.beats, "\n"); err != nil {
			return
		}
		select {
		case <-h.stop:
			return
		case <-tick.C:
		}
	}
}

// releasePatience bounds the wait for the lock to be gone from the host.
const releasePatience = 15 * time.Second

// abandon ends the heartbeats of a lost connection.
func (h *hold) abandon() {
	close(h.stop)
	h.beats.Close()
	<-h.stopped
}

// release gives the lock back.
func (h *hold) release() error {
	close(h.stop)
	go func() {
		<-h.stopped
		_, _ = io.WriteString(h.beats, "done\n") // the script ends with the connection, too
		h.beats.Close()
	}()
	select {
	case err := <-h.ended:
		return err
	case <-time.After(releasePatience):
		h.beats.Close()
		return errors.New("the host does not answer; the lock expires")
	}
}

// Unlock removes the deploy lock, whoever has it, and returns it; nil when there
// was none. A run that is alive stops at its next step.
func Unlock(ctx context.Context, h Host, p Place) (*Lock, error) {
	m, err := reach(ctx, h, p)
	if err != nil {
		return nil, err
	}
	out, err := m.script(ctx, "unlock", "")
	if err != nil {
		return nil, fmt.Errorf("removing the deploy lock: %w", err)
	}
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(lines) < 2 {
		return nil, nil
	}
	lock := parseLock(lines[0], lines[1:])
	return &lock, nil
}

// short returns the first characters of a commit, as people read it.
func short(commit string) string { return commit[:min(len(commit), 12)] }
