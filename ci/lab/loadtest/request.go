package loadtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// Request is what became of one request.
type Request struct {
	// Kind is the kind's name.
	Kind string
	// Start is when it was due, since the load began.
	Start time.Duration
	// Latency is from when it was due until the whole answer was there, or it failed. A
	// stream's is until its first event, or until it failed before that.
	Latency time.Duration
	// Over is Latency without what the server takes by design.
	Over time.Duration
	// End is when it was over, since the load began. A stream ends much later than its
	// first event.
	End time.Duration
	// Status is the answer's, or 0 when there was none.
	Status int
	// Version is which version answered; see Load.VersionHeader.
	Version string
	// Sent is how many connections it went out on; 0 when there was none.
	Sent int
	// Reason is why it failed, in few words that many requests share; empty when it
	// did not fail.
	Reason string
}

// Failed reports whether the request failed.
func (r Request) Failed() bool { return r.Reason != "" }

// send sends one request that is due now and records it.
func (r *Run) send(k *Kind, start time.Duration) {
	ctx, cancel := context.WithDeadline(context.Background(), r.begun.Add(start+r.load.Timeout))
	defer cancel()
	record := Request{Kind: k.Name, Start: start}
	answer, err := r.open(ctx, k, &record)
	if err == nil {
		err = readAnswer(answer, k)
	}
	record.Reason = reason(err)
	record.End = time.Since(r.begun)
	record.Latency = record.End - start
	record.Over = max(record.Latency-k.Takes, 0)
	r.keep(record)
}

// open sends a request and returns the answer when its head is there.
func (r *Run) open(ctx context.Context, k *Kind, record *Request) (*http.Response, error) {
	var sent atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Add(1) }})
	request, err := k.request(ctx, &r.load)
	if err != nil {
		return nil, err
	}
	answer, err := r.client.Do(request)
	record.Sent = int(sent.Load())
	if err != nil {
		return nil, err
	}
	record.Status = answer.StatusCode
	if r.load.VersionHeader != "" {
		record.Version = answer.Header.Get(r.load.VersionHeader)
	}
	return answer, nil
}

// statusError is an answer whose status says that the request failed.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// errWrong is an answer without what it must have.
type errWrong struct{}

func (errWrong) Error() string { return "an answer without what was wanted" }

// readAnswer reads the whole answer and says what is wrong with it.
func readAnswer(answer *http.Response, k *Kind) error {
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		// The rest is read so that the connection can be used again.
		io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
		return statusError(answer.StatusCode)
	}
	if k.Want == "" {
		_, err := io.Copy(io.Discard, answer.Body)
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(text, []byte(k.Want)) {
		err = errWrong{}
	}
	return err
}
