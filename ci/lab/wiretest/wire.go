// Package wiretest is the network between a test and a host: slow, lossy, silent or
// cut, as the test wants it.
package wiretest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Wire is the network to a host, which can be slow, lose packets, stand still or break.
// What TCP makes of a lost packet is what a connection sees: a pause until it is sent
// again.
type Wire struct {
	// OneWay is how long a piece travels.
	OneWay time.Duration
	// Loss is the share of pieces that come a retransmission later.
	Loss float64

	mu     sync.Mutex
	conns  []net.Conn
	broken bool
	still  chan struct{} // closed when pieces travel again; nil while they do
}

// retransmission is the least that Linux waits before it sends a packet again.
const retransmission = 200 * time.Millisecond

var errBroken = errors.New("the network is down")

// Dial is host.Config's.
func (w *Wire) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	time.Sleep(2 * w.OneWay) // TCP's own greeting takes a round trip
	near, inner := net.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		far.Close()
		return nil, errBroken
	}
	w.conns = append(w.conns, far, inner)
	go w.carry(inner, far)
	go w.carry(far, inner)
	return &end{Conn: near, far: far}, nil
}

// end has the addresses of the real connection.
type end struct {
	net.Conn
	far net.Conn
}

func (e *end) RemoteAddr() net.Addr { return e.far.RemoteAddr() }
func (e *end) LocalAddr() net.Addr  { return e.far.LocalAddr() }

// carried is a piece under way.
type carried struct {
	content []byte
	due     time.Time
}

// carry takes pieces from one end to the other, in order.
func (w *Wire) carry(to, from net.Conn) {
	pieces := make(chan carried, 4096)
	go func() {
		defer to.Close()
		for piece := range pieces {
			time.Sleep(time.Until(piece.due))
			w.await()
			if _, err := to.Write(piece.content); err != nil {
				from.Close()
				return
			}
		}
	}()
	defer close(pieces)
	for {
		content := make([]byte, 16<<10)
		n, err := from.Read(content)
		if n > 0 {
			late := w.OneWay
			if rand.Float64() < w.Loss {
				late += retransmission
			}
			pieces <- carried{content[:n], time.Now().Add(late)}
		}
		if err != nil {
			return
		}
	}
}

// await waits while nothing travels.
func (w *Wire) await() {
	w.mu.Lock()
	still := w.still
	w.mu.Unlock()
	if still != nil {
		<-still
	}
}

// Stop has everything stand still, as when a cable is pulled.
func (w *Wire) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still == nil {
		w.still = make(chan struct{})
	}
}

// GoOn ends Stop.
func (w *Wire) GoOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still != nil {
		close(w.still)
		w.still = nil
	}
}

// Cut ends the connections, and no new one can be made until Mend.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	for _, conn := range w.conns {
		conn.Close()
	}
}

// Mend lets new connections be made.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = false
}
