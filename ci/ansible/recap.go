package ansible

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Recap is what a run did.
type Recap struct {
	// Hosts has the totals of each host by its inventory name.
	Hosts map[string]HostRecap `json:"hosts"`
	// Tasks are the tasks that ran, in their order.
	Tasks []Task `json:"tasks"`
}

// HostRecap counts a host's task results.
type HostRecap struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Unreachable int `json:"unreachable"`
	Failed      int `json:"failed"`
	Skipped     int `json:"skipped"`
}

// Task is one task on all hosts.
type Task struct {
	// Name has the role before a colon: "common : Install Docker".
	Name string `json:"name"`
	// Changed is true when it changed something on any host.
	Changed bool    `json:"changed"`
	Seconds float64 `json:"seconds"`
}

// Changed returns how many task results of all hosts were changes.
func (r Recap) Changed() int {
	changed := 0
	for _, host := range r.Hosts {
		changed += host.Changed
	}
	return changed
}

// String is one line for people: "host: 12 ok, 3 changed, 0 failed, 2 skipped".
func (r Recap) String() string {
	var lines []string
	for name, host := range r.Hosts {
		line := fmt.Sprintf("%s: %d ok, %d changed, %d failed, %d skipped", name, host.OK, host.Changed, host.Failed, host.Skipped)
		if host.Unreachable > 0 {
			line += ", unreachable"
		}
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// TaskError is a task that failed on a host.
type TaskError struct{ Task, Host, Message string }

func (e *TaskError) Error() string {
	return fmt.Sprintf("task %q failed on %s: %s", e.Task, e.Host, e.Message)
}

// UnreachableError is a host that Ansible could not connect to or lost.
type UnreachableError struct{ Task, Host, Message string }

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("host %s was unreachable at task %q: %s; nothing more was done there. "+
		"Check that it is up, that its security group lets this machine in on the SSH port, and that its host key is the one in known_hosts; "+
		"then run again, tasks already done are skipped", e.Host, e.Task, e.Message)
}

// event is a line of the callback plugin.
type event struct {
	Event   string  `json:"event"`
	Task    string  `json:"task"`
	Host    string  `json:"host"`
	Status  string  `json:"status"`
	Ignored bool    `json:"ignored"`
	Message string  `json:"message"`
	Changed bool    `json:"changed"`
	Seconds float64 `json:"seconds"`
	Totals  struct {
		OK          int `json:"ok"`
		Changed     int `json:"changed"`
		Unreachable int `json:"unreachable"`
		Failures    int `json:"failures"`
		Skipped     int `json:"skipped"`
	} `json:"totals"`
}

// parseEvents reads the lines of the callback plugin. The error is the first
// failure in them that was not ignored or rescued; a line cut off by a killed
// run ends the reading.
func parseEvents(lines io.Reader) (Recap, error) {
	recap := Recap{Hosts: map[string]HostRecap{}}
	var failure error
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e event
		if json.Unmarshal(scanner.Bytes(), &e) != nil {
			break
		}
		switch e.Event {
		case "task":
			recap.Tasks = append(recap.Tasks, Task{Name: e.Task, Changed: e.Changed, Seconds: e.Seconds})
		case "host":
			recap.Hosts[e.Host] = HostRecap{OK: e.Totals.OK, Changed: e.Totals.Changed, Unreachable: e.Totals.Unreachable,
				Failed: e.Totals.Failures, Skipped: e.Totals.Skipped}
		case "result":
			failure = first(failure, e.failure())
		}
	}
	if recap.complete() && !recap.failed() {
		failure = nil // it was rescued
	}
	return recap, failure
}

func first(before, now error) error {
	if before != nil {
		return before
	}
	return now
}

func (e event) failure() error {
	switch {
	case e.Status == "unreachable":
		return &UnreachableError{Task: e.Task, Host: e.Host, Message: e.Message}
	case e.Status == "failed" && !e.Ignored:
		return &TaskError{Task: e.Task, Host: e.Host, Message: e.Message}
	}
	return nil
}

// complete reports whether the run got as far as the totals.
func (r Recap) complete() bool { return len(r.Hosts) > 0 }

func (r Recap) failed() bool {
	for _, host := range r.Hosts {
		if host.Failed > 0 || host.Unreachable > 0 {
			return true
		}
	}
	return false
}
