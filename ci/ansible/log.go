package ansible

import (
	"bytes"
	"io"
	"sync"

	"gitops/ci/secret"
)

// logWriter passes output on line by line without the secrets in it.
type logWriter struct {
	mu       sync.Mutex
	out      io.Writer
	redactor *secret.Redactor
	partial  []byte
}

func newLog(out io.Writer, redactor *secret.Redactor) *logWriter {
	if out == nil {
		out = io.Discard
	}
	return &logWriter{out: out, redactor: redactor}
}

// Write implements io.Writer.
func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	cut := bytes.LastIndexByte(l.partial, '\n') + 1
	err := l.pass(string(l.partial[:cut]))
	l.partial = l.partial[cut:]
	return len(p), err
}

func (l *logWriter) pass(text string) error {
	if text == "" {
		return nil
	}
	_, err := io.WriteString(l.out, l.redactor.Redact(text))
	return err
}

// flush passes on a last line that has no newline.
func (l *logWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass(string(l.partial))
	l.partial = nil
}
