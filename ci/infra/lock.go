package infra

import (
	"fmt"
	"regexp"
	"strings"
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
	return fmt.Sprintf("locking the state %s: %s holds it since %s (%s, lock %s): wait for that run or allow more time with --lock-timeout; if it is dead, run terraform -chdir=%s force-unlock %s",
		e.Lock.Path, e.Lock.Who, e.Lock.Created, e.Lock.Operation, e.Lock.ID, e.dir, e.Lock.ID)
}

var lockField = regexp.MustCompile(`(?m)^[│ ]*(ID|Path|Operation|Who|Created):[ \t]+(.*?)[ \t]*$`)

// parseLock finds the holder in Terraform's error about a lock.
func parseLock(words string) (Lock, bool) {
	_, info, found := strings.Cut(words, "Lock Info:")
	if !found || !strings.Contains(words, "acquiring the state lock") {
		return Lock{}, false
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
