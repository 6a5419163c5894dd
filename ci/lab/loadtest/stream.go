package loadtest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

// errSilent ends a stream that sent nothing for too long.
var errSilent = errors.New("stream went silent")

// reopenAfter is how long a client waits before it opens a stream again that failed or
// was short, so that a server that ends all streams is not flooded.
const reopenAfter = time.Second

// stream keeps one stream of a kind open until ctx ends.
func (r *Run) stream(ctx context.Context, k *Kind) {
	for ctx.Err() == nil {
		record := Request{Kind: k.Name, Start: time.Since(r.begun)}
		err := r.follow(ctx, k, &record)
		record.End = time.Since(r.begun)
		if ctx.Err() != nil {
			// It was still open, or opening, when the load stopped.
			err = nil
		}
		record.Reason = reason(err)
		if record.Latency == 0 {
			record.Latency = record.End - record.Start
			record.Over = record.Latency
		}
		r.keep(record)
		if err != nil || record.End-record.Start < reopenAfter {
			sleep(ctx, reopenAfter)
		}
	}
}

// follow opens a stream and reads it to its end. It returns nil when the server ended
// it in order.
func (r *Run) follow(ctx context.Context, k *Kind, record *Request) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(r.load.Timeout, func() { cancel(errSilent) })
	defer silence.Stop()
	answer, err := r.open(ctx, k, record)
	if errors.Is(context.Cause(ctx), errSilent) {
		return context.DeadlineExceeded
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return statusError(answer.StatusCode)
	}
	err = r.events(answer, record, silence)
	if errors.Is(err, io.EOF) && slices.Contains(answer.TransferEncoding, "chunked") && record.Latency > 0 {
		return nil
	}
	return errors.Join(err, context.Cause(ctx))
}

// events reads events until the stream ends.
func (r *Run) events(answer *http.Response, record *Request, silence *time.Timer) error {
	lines := bufio.NewReader(answer.Body)
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return err
		}
		if record.Latency == 0 {
			record.Latency = time.Since(r.begun) - record.Start
			record.Over = record.Latency
		}
		silence.Reset(r.load.Timeout)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
