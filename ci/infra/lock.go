package infra

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Lock says who holds a state.
type Lock struct {
	ID        string // what force-unlock asks for
	Path      string // the state's place
	Operation string // such as OperationTypeApply
	Who       string // user@machine
	Created   string // when, as Terraform wrote it
}

// LockedError means that somebody else holds the state's lock.
type LockedError struct {
	Lock Lock
	dir  string
}

// Error implements error.
func (e *LockedError) Error() string {
	holder := fmt.Sprintf(" %s: %s holds it since %s (%s, lock %s)", e.Lock.Path, e.Lock.Who, e.Lock.Created, e.Lock.Operation, e.Lock.ID)
	if e.Lock.Who == "" {
		holder = ": somebody holds it (lock " + e.Lock.ID + "), and this backend does not tell who"
	}
	return fmt.Sprintf("locking the state%s: wait for that run or allow more time with --lock-timeout; "+
		"if it is dead, run gitops unlock-state --lock %s with the same --terraform-dir, --backend-config and --workspace, "+
		"or, where terraform init was run, terraform -chdir=%s force-unlock %s",
		holder, e.Lock.ID, e.dir, e.Lock.ID)
}

// lockTime is how Terraform writes a lock's time: as Go prints one.
const lockTime = "2006-01-02 15:04:05.999999999 -0700 MST"

// Since returns when the lock was taken, and whether that is known.
func (l Lock) Since() (time.Time, bool) {
	at, err := time.Parse(lockTime, l.Created)
	return at, err == nil
}

// Unlock removes the lock with an ID. Terraform refuses where the state has another one,
// but for the backend http, where that is the server's to do.
func (w *Workspace) Unlock(ctx context.Context, id string) error {
	return w.tf.run(ctx, "removing the state's lock", w.progress, func() error { return w.tf.ForceUnlock(ctx, id) })
}

// heldByID is what the backend http says. The lock info that follows there is the one
// that this Terraform wanted to put, and not the holder's.
var heldByID = regexp.MustCompile(`HTTP remote state already locked:[\s│]+ID=(\S+)`)

var lockField = regexp.MustCompile(`(?m)^[│ ]*(ID|Path|Operation|Who|Created):[ \t]+(.*?)[ \t]*$`)

// parseLock finds the holder in Terraform's error about a lock.
func parseLock(words string) (Lock, bool) {
	_, info, found := strings.Cut(words, "Lock Info:")
	if !found || !strings.Contains(words, "acquiring the state lock") {
		return Lock{}, false
	}
	if held := heldByID.FindStringSubmatch(words); held != nil {
		return Lock{ID: held[1]}, true
	}
	fields := map[string]string{}
	for _, match := range lockField.FindAllStringSubmatch(info, -1) {
		if _, seen := fields[match[1]]; !seen {
			fields[match[1]] = match[2]
		}
	}
	lock := Lock{ID: fields["ID"], Path: fields["Path"], Operation: fields["Operation"], Who: fields["Who"], Created: fields["Created"]}
	return lock, lock.ID != ""
}
