package host

import (
	"context"
	"fmt"
	"net"
)

// Dial makes a TCP connection from the host to address. The host's sshd has to allow
// it (AllowTcpForwarding).
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.ssh.DialContext(ctx, network, address)
	if err != nil {
		return nil, &ConnectionError{Address: c.address, Phase: PhaseCommand, Doing: fmt.Sprintf("connecting from %s to %s", c.address, address), Err: err}
	}
	return conn, nil
}
