package loadtest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Run is a load that goes on. Start one, and Stop it.
type Run struct {
	load   Load
	client *http.Client
	begun  time.Time
	stop   context.CancelFunc
	// sending are the requests under way and what starts them; streaming are the
	// streams, which go on until the requests are answered.
	sending, streaming sync.WaitGroup
	endStreams         context.CancelFunc
	stopped            time.Duration

	mu       sync.Mutex
	requests []Request
	marks    []Mark
}

// Start begins a load. It goes on until Stop, or until ctx ends.
func Start(ctx context.Context, l Load) (*Run, error) {
	l, err := l.checked()
	if err != nil {
		return nil, err
	}
	r := &Run{load: l, client: newClient(), begun: time.Now()}
	ctx, r.stop = context.WithCancel(ctx)
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	r.endStreams = endStreams
	for i := range l.Kinds {
		for range l.Kinds[i].Streams {
			r.streaming.Go(func() { r.stream(streams, &l.Kinds[i]) })
		}
	}
	r.sending.Go(func() { r.schedule(ctx, newTurns(l.Kinds)) })
	return r, nil
}

// newClient returns a client that keeps connections alive as browsers do, however many
// are needed, and that uses none of the machine's proxies.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConns:        0,
			MaxIdleConnsPerHost: 1000,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// schedule starts each request when it is due. When this machine was too slow for it,
// those that are late start at once; their latency counts from when they were due.
func (r *Run) schedule(ctx context.Context, turns *turns) {
	defer func() { r.stopped = time.Since(r.begun) }()
	if turns.sum == 0 {
		<-ctx.Done()
		return
	}
	for i := 0; ; i++ {
		due := time.Duration(i) * time.Second / time.Duration(r.load.Rate)
		if wait := due - time.Since(r.begun); wait > 0 {
			sleep(ctx, wait)
		}
		if ctx.Err() != nil {
			return
		}
		kind := turns.next()
		r.sending.Go(func() { r.send(kind, due) })
	}
}

// Mark notes that something happens now, for the record and the picture.
func (r *Run) Mark(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, Mark{Name: name, At: time.Since(r.begun)})
}

// Now is the time since the load began.
func (r *Run) Now() time.Duration { return time.Since(r.begun) }

func (r *Run) keep(record Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, record)
}

// Soon returns what is recorded so far. Requests under way are not in it.
func (r *Run) Soon() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newResult(r.begun, time.Since(r.begun), r.requests, r.marks)
}

// Stop starts no more requests, waits until those under way are answered or have
// failed, ends the streams and returns the record.
func (r *Run) Stop() Result {
	r.stop()
	r.sending.Wait()
	r.endStreams()
	r.streaming.Wait()
	r.client.CloseIdleConnections()
	return newResult(r.begun, r.stopped, r.requests, r.marks)
}
