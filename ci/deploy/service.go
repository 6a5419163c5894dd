package deploy

import (
	"fmt"
	"time"
)

// Service is a container of the project, running or not.
type Service struct {
	Image
	// Container is the container's name.
	Container string `json:"container"`
	// State is Docker's word: running, exited, restarting …
	State string `json:"state"`
	// Health is healthy, unhealthy or starting; empty without a health check.
	Health string `json:"health,omitempty"`
	// Restarts is how often Docker restarted the container.
	Restarts int `json:"restarts,omitempty"`
	// Started is when the container started, by the host's clock.
	Started time.Time `json:"started"`
	// Node is the node of the swarm that runs it.
	Node string `json:"node,omitempty"`

	id      string
	exit    int
	policy  string
	file    string
	folder  string            // project directory of who made it
	hash    string            // Compose's, of the definition that it was made from
	labels  map[string]string // all of them
	unnamed []string          // places of volumes without a name
	exposed []string          // TCP ports that the image exposes, the lowest first
}

// stopped reports whether the container is there and does nothing.
func (s Service) stopped() bool {
	return s.State == "exited" || s.State == "created" || s.State == "dead"
}

// fine reports whether the container does what it should.
func (s Service) fine() bool {
	return s.finished() || s.State == "running" && (s.Health == "" || s.Health == "healthy")
}

// finished reports whether the container was a job that ended well.
func (s Service) finished() bool {
	return s.State == "exited" && s.exit == 0 && s.policy != "always" && s.policy != "unless-stopped"
}

// undecided reports whether the container runs and its health is not known.
func (s Service) undecided() bool { return s.Health == "" || s.Health == "starting" }

// unknown is the exit code of a container that was not seen down.
const unknown = -1

// restarted says how often, and how the container last ended.
func (s Service) restarted() string {
	if s.exit == unknown {
		return fmt.Sprintf("was restarted %d times", s.Restarts)
	}
	return fmt.Sprintf("was restarted %d times, last with exit code %d", s.Restarts, s.exit)
}

// failing returns why the container will not recover; empty if it may.
func (s Service) failing(restarts int) string {
	switch {
	case s.Health == "unhealthy" && s.Restarts > 0:
		return "is unhealthy and " + s.restarted()
	case s.Health == "unhealthy":
		return "is unhealthy"
	case s.Restarts > restarts:
		return s.restarted()
	case s.State == "dead", s.State == "exited" && !s.finished():
		return fmt.Sprintf("exited with code %d", s.exit)
	}
	return ""
}
