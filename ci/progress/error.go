// Package progress holds what every stage of the loop shares: how an outcome
// becomes an exit code, and how progress is told while the stage runs.
package progress

import (
	"errors"
	"fmt"
)

// Exit codes of the gitops command. Scripts rely on them.
const (
	ExitDone    = 0 // done, also when there was nothing to do
	ExitFailed  = 1 // the stage ran and failed
	ExitInvalid = 2 // bad usage or bad input; nothing was touched
	ExitRefused = 3 // a guard refused; nothing was touched
)

type codedError struct {
	err  error
	code int
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// Invalid returns an error for bad usage or bad input (exit 2). The arguments
// are those of fmt.Errorf.
func Invalid(format string, args ...any) error {
	return &codedError{err: fmt.Errorf(format, args...), code: ExitInvalid}
}

// Refused returns an error for work that a guard did not allow (exit 3). The
// arguments are those of fmt.Errorf.
func Refused(format string, args ...any) error {
	return &codedError{err: fmt.Errorf(format, args...), code: ExitRefused}
}

// ExitCode returns the exit code for err, looking through wrapped errors.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return ExitFailed
}
