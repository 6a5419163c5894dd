package secret

import (
	"io"
	"sync"
)

// Writer redacts a stream. It holds back no more than what may be the beginning
// of a secret, so that whole lines pass at once, and lines that many goroutines
// write stay whole. Close it to pass on the rest.
type Writer struct {
	r *Redactor
	w io.Writer

	mu   sync.Mutex
	text []byte // one byte of context if seen, then what is held back
	seen int    // 1 after the first byte was passed on
	safe []byte // used again by each Write
}

// Writer returns a writer that passes on to w what it is given, without secrets.
func (r *Redactor) Writer(w io.Writer) *Writer { return &Writer{r: r, w: w} }

// Write implements io.Writer. It reports all of p as written where only the
// beginning of a secret is held back.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	if err := w.pass(false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what is held back. It does not close the writer below.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(true)
}

func (w *Writer) pass(final bool) error {
	end := len(w.text)
	if x := w.r.index(); x == nil {
		w.safe = append(w.safe[:0], w.text[w.seen:]...)
	} else {
		w.safe, end = x.redact(w.safe[:0], w.text, w.seen, final)
	}
	if end > w.seen {
		w.text = append(w.text[:0], w.text[end-1:]...)
		w.seen = 1
	}
	if len(w.safe) == 0 {
		return nil
	}
	_, err := w.w.Write(w.safe)
	return err
}
