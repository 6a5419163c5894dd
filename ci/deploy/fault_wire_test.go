//go:build faults

package deploy_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// wire is the network to a host, which can be slow, lose packets, stand still or break.
// What TCP makes of a lost packet is what a connection sees: a pause until it is sent
// again.
type wire struct {
	// oneWay is how long a piece travels.
	oneWay time.Duration
	// loss is the share of pieces that come a retransmission later.
	loss float64

	mu     sync.Mutex
	conns  []net.Conn
	broken bool
	still  chan struct{} // closed when pieces travel again; nil while they do
}

// retransmission is the least that Linux waits before it sends a packet again.
const retransmission = 200 * time.Millisecond

var errBroken = errors.New("the network is down")

// dial is host.Config's.
func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
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
	return &wireEnd{Conn: near, far: far}, nil
}

// wireEnd has the addresses of the real connection.
type wireEnd struct {
	net.Conn
	far net.Conn
}

func (e *wireEnd) RemoteAddr() net.Addr { return e.far.RemoteAddr() }
func (e *wireEnd) LocalAddr() net.Addr  { return e.far.LocalAddr() }

// carried is a piece under way.
type carried struct {
	content []byte
	due     time.Time
}

// carry takes pieces from one end to the other, in order.
func (w *wire) carry(to, from net.Conn) {
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
			late := w.oneWay
			if rand.Float64() < w.loss {
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
func (w *wire) await() {
	w.mu.Lock()
	still := w.still
	w.mu.Unlock()
	if still != nil {
		<-still
	}
}

// stop has everything stand still, as when a cable is pulled.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still == nil {
		w.still = make(chan struct{})
	}
}

// goOn ends stop.
func (w *wire) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still != nil {
		close(w.still)
		w.still = nil
	}
}

// cut ends the connections, and no new one can be made.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	for _, conn := range w.conns {
		conn.Close()
	}
}
