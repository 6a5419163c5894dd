package host

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// Dial connects to address from the host: it opens a connection that sshd makes
// there and carries over this one. network is "tcp" or "unix". The error is a
// *ConnectionError, which says so when the host's sshd forbids forwarding; when
// ctx ends first, it is the cause of that.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.link.Load().dial(ctx, c.address, network, address)
}

// dial connects to address from the host, whose own address is for errors.
func (l *link) dial(ctx context.Context, host, network, address string) (net.Conn, error) {
	conn, err := l.ssh.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	doing := fmt.Sprintf("connecting to %s from %s", address, host)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return nil, &ConnectionError{Address: host, Phase: PhaseForward, Doing: doing, Err: forwardError(network, err)}
}

// forwardError adds the remedy to a refusal of sshd's. One without a reason code
// means that the connection to the host broke.
func forwardError(network string, err error) error {
	if !forbidden(err) {
		return err
	}
	setting := "AllowTcpForwarding and PermitOpen"
	if network == "unix" {
		setting = "AllowStreamLocalForwarding"
	}
	return fmt.Errorf("sshd on the host forbids forwarding; allow it in sshd_config (%s, DisableForwarding) "+
		"and in authorized_keys (no-port-forwarding, restrict): %w", setting, err)
}

// forbidden reports whether sshd's settings are what is in the way.
func forbidden(err error) bool {
	var refused *ssh.OpenChannelError
	return errors.As(err, &refused) && refused.Reason == ssh.Prohibited
}
