package program

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// wordsKept is how many bytes of the beginning, and of the end, Words remembers.
const wordsKept = 32 << 10

// Words is a writer that remembers the beginning and the end of a text, whole lines
// of them: half a line could hold half a secret, which no redactor knows. The zero
// value is ready, also for several goroutines.
type Words struct {
	mu      sync.Mutex
	begin   []byte
	end     []byte
	dropped int
}

// Write implements io.Writer.
func (w *Words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fits := min(len(p), wordsKept-len(w.begin))
	w.begin = append(w.begin, p[:fits]...)
	w.end = append(w.end, p[fits:]...)
	// Twice the size before it is cut, so that it is not moved with each write.
	if len(w.end) > 2*wordsKept {
		w.cut()
	}
	return len(p), nil
}

// cut shortens the end to what is kept.
func (w *Words) cut() {
	if over := len(w.end) - wordsKept; over > 0 {
		w.end = append(w.end[:0], w.end[over:]...)
		w.dropped += over
	}
}

// String returns what is remembered, and says how much is missing.
func (w *Words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	if w.dropped == 0 {
		return string(w.begin) + string(w.end)
	}
	begin := w.begin[:bytes.LastIndexByte(w.begin, '\n')+1]
	end := w.end[bytes.IndexByte(w.end, '\n')+1:]
	if !bytes.ContainsRune(w.end, '\n') {
		end = nil
	}
	missing := w.dropped + len(w.begin) - len(begin) + len(w.end) - len(end)
	return fmt.Sprintf("%s… %d bytes are left out …\n%s", begin, missing, end)
}

// Reset forgets everything.
func (w *Words) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin, w.end, w.dropped = nil, nil, 0
}

// limited is a writer that takes so many bytes and then calls over.
type limited struct {
	text     []byte
	left     int
	over     func()
	exceeded bool
}

// Write implements io.Writer. It takes what is too much as well, and drops it: the
// program is asked to end and must not be blocked.
func (l *limited) Write(p []byte) (int, error) {
	fits := min(len(p), l.left)
	l.text, l.left = append(l.text, p[:fits]...), l.left-fits
	if fits < len(p) && !l.exceeded {
		l.exceeded = true
		l.over()
	}
	return len(p), nil
}

// colour is what programs put around words, terminal or not.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// LastLines returns the last n lines of text that are not empty, without colours.
func LastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(colour.ReplaceAllString(text, "")) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
