package host

import "time"

const (
	keepAliveEvery = 15 * time.Second
	keepAliveTries = 3
)

// keepAlive asks the host for a sign of life, and closes the connection when
// there was none for keepAliveTries times in a row, so that a command on a dead
// network ends instead of waiting for ever.
func (c *Client) keepAlive() {
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-c.closed:
			return
		case <-tick.C:
		}
		if c.alive() {
			missed = 0
			continue
		}
		if missed++; missed >= keepAliveTries {
			c.Close()
			return
		}
	}
}

// alive reports whether the host answers before the next tick. Any answer
// counts, a refusal too.
func (c *Client) alive() bool {
	answer := make(chan error, 1)
	go func() {
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err == nil
	case <-c.closed:
		return true
	case <-time.After(keepAliveEvery):
		return false
	}
}
