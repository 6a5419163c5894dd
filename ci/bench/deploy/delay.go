package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// delayed returns a dialer whose connections take half of the time each way, as a host in
// another place does.
func delayed(roundTrip time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		// TCP's own greeting takes a round trip.
		time.Sleep(roundTrip)
		near, far := net.Pipe()
		go pump(conn, far, roundTrip/2)
		go pump(far, conn, roundTrip/2)
		return &delayedConn{Conn: near, far: conn}, nil
	}
}

// delayedConn is the near end; its addresses are those of the real connection.
type delayedConn struct {
	net.Conn
	far net.Conn
}

func (c *delayedConn) RemoteAddr() net.Addr { return c.far.RemoteAddr() }
func (c *delayedConn) LocalAddr() net.Addr  { return c.far.LocalAddr() }

// piece is what was read, and when it has to arrive.
type piece struct {
	content []byte
	due     time.Time
}

// pump passes on what it reads, later. Many pieces are on their way at once.
func pump(to, from net.Conn, late time.Duration) {
	pieces := make(chan piece, 4096)
	var writing sync.WaitGroup
	writing.Go(func() {
		for one := range pieces {
			time.Sleep(time.Until(one.due))
			if _, err := to.Write(one.content); err != nil {
				from.Close()
			}
		}
		to.Close()
	})
	for {
		content := make([]byte, 32<<10)
		n, err := from.Read(content)
		if n > 0 {
			pieces <- piece{content[:n], time.Now().Add(late)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	writing.Wait()
}
