package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"slices"
	"time"
)

// Kinds of work that leave a receipt.
const (
	KindDeploy   = "deploy"
	KindRollback = "rollback"
)

// Outcomes of a deploy or a rollback.
const (
	// Deployed: the release runs and is healthy.
	Deployed = "deployed"
	// Unchanged: it ran already; nothing was restarted.
	Unchanged = "unchanged"
	// Restored: it failed, and what ran before runs again.
	Restored = "restored"
	// Removed: it failed as the first deploy, and what it started was removed.
	Removed = "removed"
	// Untouched: it failed before anything was started or stopped.
	Untouched = "untouched"
	// Failed: it failed, and going back failed too.
	Failed = "failed"
)

// Receipt is the record of a deploy: who, what from, what to, timings, outcome.
type Receipt struct {
	Kind    string `json:"kind"`
	Outcome string `json:"outcome"`
	Project string `json:"project"`
	// Actor is who deployed.
	Actor string `json:"actor"`
	// Release and Commit are what was deployed, Previous and PreviousCommit what
	// ran before.
	Release        string `json:"release"`
	Commit         string `json:"commit"`
	Previous       string `json:"previous,omitempty"`
	PreviousCommit string `json:"previousCommit,omitempty"`
	// Started and Seconds are by the clock of who deployed.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Plan is what was to be done with each service, and why so.
	Plan []Action `json:"plan,omitempty"`
	// Services has what happened to each service.
	Services []Change `json:"services"`
	// Requests are what Traefik answered meanwhile; nil where it has no metrics.
	Requests *Requests `json:"requests,omitempty"`
	// DiskFree is how many bytes Docker's disk had free, before and after.
	DiskFree [2]int64 `json:"diskFree"`
	// Steps are the steps with their times, in order.
	Steps []Step `json:"steps"`
	// Warnings are problems that did not fail the deploy.
	Warnings []string `json:"warnings,omitempty"`
	// Failure is why the deploy failed.
	Failure *Failure `json:"failure,omitempty"`
	// TookOver is the expired lock that this run took over.
	TookOver *Lock `json:"tookOver,omitempty"`
}

// Change is what a deploy did to a service.
type Change struct {
	Service string `json:"service"`
	// Action is created, rolled, recreated, restarted, updated, removed or unchanged.
	Action string `json:"action"`
	Before *Image `json:"before,omitempty"`
	After  *Image `json:"after,omitempty"`
}

// roll tells a service that rolled by a plan from one that had a gap, and one of which a
// swarm kept the tasks.
func (c *Change) roll(plan []Action) {
	if slices.ContainsFunc(plan, func(a Action) bool { return a.Service == c.Service && a.Action == Update }) {
		c.Action = "updated"
	}
	rolled := slices.ContainsFunc(plan, func(a Action) bool { return a.Service == c.Service && a.Action == Roll })
	if c.Action == "recreated" && rolled {
		c.Action = "rolled"
	}
}

// Step is a part of a deploy.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// Failure is the service that failed, and its last words.
type Failure struct {
	Service string   `json:"service,omitempty"`
	Reason  string   `json:"reason"`
	Log     []string `json:"log,omitempty"`
}

// changes compares the containers before and after, service by service.
func changes(before, after []Service) []Change {
	old, now := images(before), images(after)
	list := []Change{}
	for _, image := range now {
		change := Change{Service: image.Service, Action: "created", After: &image}
		if i := slices.IndexFunc(old, func(o Image) bool { return o.Service == image.Service }); i >= 0 {
			change.Before, change.Action = &old[i], touch(before, after, image.Service)
		}
		list = append(list, change)
	}
	for _, image := range old {
		if !slices.ContainsFunc(now, func(n Image) bool { return n.Service == image.Service }) {
			list = append(list, Change{Service: image.Service, Action: "removed", Before: &image})
		}
	}
	return list
}

// touch names what happened to a service that ran before.
func touch(before, after []Service, name string) string {
	identity := func(s Service) string { return s.id }
	start := func(s Service) string { return s.id + " " + s.Started.UTC().String() }
	switch {
	case !slices.Equal(each(before, name, identity), each(after, name, identity)):
		return "recreated"
	case !slices.Equal(each(before, name, start), each(after, name, start)):
		return "restarted"
	}
	return "unchanged"
}

// each returns the result of say for every container of a service, sorted.
func each(services []Service, name string, say func(Service) string) []string {
	var list []string
	for _, s := range services {
		if s.Service == name {
			list = append(list, say(s))
		}
	}
	slices.Sort(list)
	return list
}

func touched(list []Change) bool {
	return slices.ContainsFunc(list, func(c Change) bool { return c.Action != "unchanged" })
}

// finish leaves the receipt on the host.
func (r *run) finish(ctx context.Context) {
	r.receipt.Seconds = seconds(time.Since(r.receipt.Started))
	name := r.receipt.Release
	if name == "" {
		name = r.state.now + "-" + r.target.commit
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	content, err := encode(r.receipt)
	if err == nil && r.state.now != "" {
		file := r.state.now + "-" + r.receipt.Kind + "-" + short(r.target.commit) + ".json"
		err = r.host.Upload(ctx, path.Join(r.Dir, "receipts", file), 0o600, content)
	}
	if err != nil {
		r.warn("leaving the receipt of %s on the host: %v", name, err)
	}
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return out.Bytes(), err
}
