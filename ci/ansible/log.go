package ansible

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"gitops/ci/secret"
)

// logKept is how much of the end of the output an error may quote.
const logKept = 3000

// logWriter passes output on line by line without the secrets in it, and keeps
// its end.
type logWriter struct {
	mu       sync.Mutex
	out      io.Writer
	redactor *secret.Redactor
	partial  []byte
	end      string
}

func newLog(out io.Writer, secrets ...secret.Value) *logWriter {
	if out == nil {
		out = io.Discard
	}
	return &logWriter{out: out, redactor: secret.NewRedactor(secrets...)}
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
	text = l.redactor.Redact(text)
	l.end += text
	if len(l.end) > logKept {
		l.end = l.end[len(l.end)-logKept:]
	}
	_, err := io.WriteString(l.out, text)
	return err
}

// flush passes on a last line that has no newline.
func (l *logWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass(string(l.partial))
	l.partial = nil
}

// last returns the end of the output.
func (l *logWriter) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.end)
}
