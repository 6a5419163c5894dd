package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/skeema/knownhosts"
)

// Tunnel is a loopback port of this machine that leads to the sshd of a host behind
// a jump host, for programs that log in by themselves. Whoever can reach the port
// still has to log in.
type Tunnel struct {
	// Address is "127.0.0.1:port".
	Address  string
	listener net.Listener
	cancel   context.CancelFunc
	carried  sync.WaitGroup
}

// Tunnel opens a tunnel to the host itself. Close it before the Client. It is an
// error for a host that was reached without a jump host.
func (c *Client) Tunnel(ctx context.Context) (*Tunnel, error) {
	if c.link.Load().jump == nil {
		return nil, errors.New("opening a tunnel: the host has no jump host")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a tunnel: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Tunnel{Address: listener.Addr().String(), listener: listener, cancel: cancel}
	t.carried.Go(func() { t.accept(ctx, c) })
	return t, nil
}

// Close ends the tunnel and what it carries.
func (t *Tunnel) Close() error {
	t.cancel()
	err := t.listener.Close()
	t.carried.Wait()
	return err
}

func (t *Tunnel) accept(ctx context.Context, c *Client) {
	for {
		near, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		t.carried.Go(func() {
			defer near.Close()
			far, err := c.link.Load().jump.dial(ctx, "the jump host", "tcp", c.address)
			if err != nil {
				return // the program sees that its connection ends
			}
			carry(ctx, near, far)
		})
	}
}

// carry copies in both directions until either end is closed or ctx ends.
func carry(ctx context.Context, near, far net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		near.Close()
		far.Close()
	})
	defer stop()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			defer cancel()
			_, _ = io.Copy(pair[0], pair[1]) // either end hangs up
		})
	}
	both.Wait()
}

// KnownAs returns the name by which known_hosts has the host, as ssh's option
// HostKeyAlias takes it.
func (c *Client) KnownAs() string { return knownhosts.Normalize(c.knownAs) }
