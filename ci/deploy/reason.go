package deploy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// explain says why a service changes, as far as the image does not say it: what its
// definition has otherwise than the one that runs. There are names in it and no values.
func (p *planner) explain(a *Action) {
	if p.previous == nil || a.Action != Roll && a.Action != Recreate {
		return
	}
	before := p.previous
	a.Changes = p.target.manifest.Differences(before.manifest, a.Service)
	if files := p.changedFiles(a.Service); len(files) > 0 {
		a.Changes = append(a.Changes, "files "+strings.Join(files, ", "))
	}
	if p.target.bundle.layout.Rename != before.bundle.layout.Rename && p.target.manifest.Project.Services[a.Service].ContainerName != "" {
		a.Changes = append(a.Changes, "container_name, by --rename")
	}
	if len(a.Changes) > 0 || a.Before != a.Image {
		return
	}
	a.Changes = []string{"what runs is not as " + before.name() + " has it"}
	if id := p.images[a.Image]; id != "" && id != groups(p.services, a.Service)[0].containers[0].ID {
		a.Changes = []string{"the image: its tag names another one now"}
	}
}

// changedFiles returns the files of a service whose content is another one than before.
func (p *planner) changedFiles(service string) (names []string) {
	now := p.target.bundle
	for _, file := range p.target.manifest.Files {
		c, travels := now.content[string(file.Use)+" "+file.Path]
		if travels && slices.Contains(file.Services, service) && p.previous.bundle.content[string(file.Use)+" "+now.within(file.Path)].sum != c.sum {
			names = append(names, file.Path)
		}
	}
	return names
}

// waits returns the services that one waits for, and until when.
func waits(p *types.Project, name string) (all []string) {
	until := map[string]string{types.ServiceConditionHealthy: " (healthy)", types.ServiceConditionCompletedSuccessfully: " (finished)"}
	for other, dependency := range p.Services[name].DependsOn {
		if _, active := p.Services[other]; active {
			all = append(all, other+until[dependency.Condition])
		}
	}
	slices.Sort(all)
	return all
}

// withOff adds the services to a plan that shall have no container.
func withOff(actions []Action, p *types.Project) []Action {
	const why = "its replicas are 0"
	for _, name := range p.ServiceNames() {
		if s := p.Services[name]; s.Provider != nil || scaleOf(s) > 0 {
			continue
		}
		if i := slices.IndexFunc(actions, func(a Action) bool { return a.Service == name }); i >= 0 {
			actions[i].Why = why
			continue
		}
		actions = append(actions, Action{Service: name, Action: Off, Why: why})
	}
	slices.SortStableFunc(actions, func(a, b Action) int {
		if gone := a.Action == Remove; gone != (b.Action == Remove) {
			return map[bool]int{true: 1, false: -1}[gone]
		}
		return cmp.Compare(a.Service, b.Service)
	})
	return actions
}
