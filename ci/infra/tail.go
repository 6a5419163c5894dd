package infra

import "sync"

// tailSize is how much of a command's output is kept to explain its failure.
const tailSize = 64 << 10

// tail is a writer that remembers the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

// String returns what is remembered.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// Reset forgets everything.
func (t *tail) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}
