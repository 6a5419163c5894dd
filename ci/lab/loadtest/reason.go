package loadtest

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Reasons of requests that failed; beside them there is "status" and a number.
const (
	ReasonTimeout = "no answer in time"
	ReasonRefused = "connection refused"
	ReasonCut     = "connection cut"
	ReasonWrong   = "wrong answer"
	ReasonSilent  = "stream went silent"
	ReasonOther   = "something else"
)

// reason puts an error into few words, without addresses and ports, so that it can be
// counted.
func reason(err error) string {
	var status statusError
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, errWrong{}):
		return ReasonWrong
	case errors.Is(err, errSilent):
		return ReasonSilent
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused
	case isCut(err):
		return ReasonCut
	}
	return ReasonOther
}

func isCut(err error) bool {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, cut) {
			return true
		}
	}
	// What net/http says when a connection that it used again was closed, and does not export.
	return strings.Contains(err.Error(), "server closed idle connection") || strings.Contains(err.Error(), "connection broken")
}
