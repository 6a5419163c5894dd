package secret

import (
	"errors"
	"io"
	"sync"

	"gitops/ci/terminal"
)

// Terminal is a writer for what people read, on a terminal or in a log: without
// control sequences, then without secrets, then without workflow commands and
// bounded. In this order a sequence cannot hide a secret from the search. Close it
// to pass on the rest. It is safe for concurrent use.
type Terminal struct {
	mu     sync.Mutex
	strip  *terminal.Stripper
	redact *Writer
	guard  *terminal.Guard
}

// Terminal returns a Terminal that writes to w.
func (r *Redactor) Terminal(w io.Writer) *Terminal {
	guard := terminal.NewGuard(w)
	redact := r.Writer(guard)
	return &Terminal{strip: terminal.NewStripper(redact), redact: redact, guard: guard}
}

// Write implements io.Writer.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.strip.Write(p)
}

// Commands returns a writer for workflow commands that the program gives itself,
// such as those of Announce.
func (t *Terminal) Commands() io.Writer { return t.guard.Commands() }

// Close passes on what is held back. It does not close the writer below.
func (t *Terminal) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.strip.Close(), t.redact.Close(), t.guard.Close())
}
