package host

import "time"

const (
	keepAliveEvery = 15 * time.Second
	keepAliveTries = 3
)

// keepAlive asks the host for a sign of life, and closes the connection when
// there was none for keepAliveTries times in a row, so that a command on a dead
// network ends instead of waiting for ever.
func (l *link) keepAlive() {
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-l.closed:
			return
		case <-tick.C:
		}
		if l.alive() {
			missed = 0
			continue
		}
		if missed++; missed >= keepAliveTries {
			l.Close()
			return
		}
	}
}

// alive reports whether the host answers before the next tick. Any answer
// counts, a refusal too.
func (l *link) alive() bool {
	answer := make(chan error, 1)
	go func() {
		_, _, err := l.ssh.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err == nil
	case <-l.closed:
		return true
	case <-time.After(keepAliveEvery):
		return false
	}
}
