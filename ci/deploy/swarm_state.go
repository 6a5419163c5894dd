package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// swarmState is what a stack runs, by what swarm-tasks.sh wrote.
type swarmState struct {
	now      string
	self     string                    // the node that was asked
	nodes    map[string]swarmNode      // by identity
	services map[string]runningService // by the name in the manifest
	tasks    []task
}

// runningService is a service of the stack, in Docker's words.
type runningService struct {
	ID, Name    string
	Labels, Own map[string]string
	Image       string
	Mode        struct {
		Replicated    *struct{ Replicas int }
		Global        *struct{}
		ReplicatedJob *struct{ TotalCompletions int }
		GlobalJob     *struct{}
	}
	Update *struct{ State, Message string }
}

// task is one container of a service, on one node, in Docker's words.
type task struct {
	ID, Service, Node, Desired, Image string
	Slot                              int
	Created                           time.Time
	Own                               map[string]string
	Status                            struct {
		State, Message, Err string
		Timestamp           time.Time
		ContainerStatus     *struct{ ExitCode int }
	}

	name   string // of its service in the manifest
	ref    string // the image as the stack names it
	labels map[string]string
	lost   bool // the node does not answer
}

// swarmNode is a machine of the swarm, in Docker's words.
type swarmNode struct{ ID, Name, Status string }

// parseSwarm reads what swarm-tasks.sh wrote.
func parseSwarm(out, project string) (swarmState, error) {
	s := swarmState{services: map[string]runningService{}, nodes: map[string]swarmNode{}}
	byID := map[string]runningService{}
	for line := range strings.Lines(out) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch kind {
		case "time":
			s.now = rest
		case "self":
			s.self = rest
		case "service":
			var one runningService
			err = json.Unmarshal([]byte(rest), &one)
			one.Name = strings.TrimPrefix(one.Name, project+"_")
			s.services[one.Name], byID[one.ID] = one, one
		case "node":
			var node swarmNode
			err = json.Unmarshal([]byte(rest), &node)
			s.nodes[node.ID] = node
		case "task":
			var one task
			err = json.Unmarshal([]byte(rest), &one)
			s.tasks = append(s.tasks, one)
		}
		if err != nil {
			return s, fmt.Errorf("reading Docker's description of a %s: %w", kind, err)
		}
	}
	s.connect(byID)
	return s, nil
}

// connect gives tasks what is known of their services and nodes, and sorts them.
func (s swarmState) connect(services map[string]runningService) {
	for i := range s.tasks {
		t, service := &s.tasks[i], services[s.tasks[i].Service]
		t.name, t.ref, t.labels = service.Name, service.Labels[labelStackImage], service.Labels
		if node, known := s.nodes[t.Node]; known {
			t.Node, t.lost = node.Name, node.Status != "Ready"
		}
	}
	slices.SortStableFunc(s.tasks, func(a, b task) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return a.Slot - b.Slot
	})
}

// is reports whether a task is of what its service says now.
func (t task) is(s runningService) bool {
	return t.Own[labelDefinition] == s.Own[labelDefinition] && t.Image == s.Image
}

// wanted reports whether the swarm wants the task to run, or to have run.
func (t task) wanted() bool {
	return t.Desired == "running" || t.Desired == "complete"
}

// leftOver reports whether the swarm has given up a task that never ran, since its node is
// gone. Swarm's update waits for it without end (swarmkit, manager/orchestrator/update,
// "Consider adding a timeout here").
func (t task) leftOver() bool {
	switch t.Status.State {
	case "running", "complete", "failed", "rejected", "shutdown", "orphaned", "remove":
		return false
	}
	return t.lost && t.Desired != "running" && t.Desired != "ready"
}

// failed reports whether a task ended badly.
func (t task) failed() bool { return t.Status.State == "failed" || t.Status.State == "rejected" }

// service returns the task as a container of the project.
func (t task) service() Service {
	s := Service{
		Image: Image{Service: t.name, Ref: t.ref}, Container: fmt.Sprintf("%s.%d", t.name, t.Slot), Node: t.Node,
		State: t.Status.State, Started: t.Status.Timestamp, id: t.ID, labels: t.labels,
	}
	if t.Slot == 0 {
		s.Container = t.name + "." + t.Node
	}
	if digest := digestIn(t.Image); digest != "" {
		s.Digest = repositoryOf(t.Image) + "@" + digest
	}
	if t.Status.ContainerStatus != nil {
		s.exit = t.Status.ContainerStatus.ExitCode
	}
	if t.Status.State == "complete" {
		s.State = "exited"
	}
	return s
}

// list returns what the stack runs, and where nothing runs in a task's place, the last
// that ended well there.
func (s swarmState) list() (services []Service) {
	ended, taken := map[string]task{}, map[string]bool{}
	for _, t := range s.tasks {
		place := t.service().Container
		switch {
		case t.wanted():
			services, taken[place] = append(services, t.service()), true
		case t.Status.State == "complete" && t.is(s.services[t.name]) && !t.Created.Before(ended[place].Created):
			ended[place] = t
		}
	}
	for _, place := range sortedKeys(ended) {
		if !taken[place] {
			services = append(services, ended[place].service())
		}
	}
	return services
}

// images returns the images of the services, as the swarm names them.
func (s swarmState) images() map[string]string {
	images := map[string]string{}
	for name, service := range s.services {
		images[name] = service.Image
	}
	return images
}

// tasksSeen returns the identities of all tasks.
func (s swarmState) tasksSeen() map[string]bool {
	seen := map[string]bool{}
	for _, t := range s.tasks {
		seen[t.ID] = true
	}
	return seen
}
