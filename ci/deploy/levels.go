package deploy

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// levels orders services by what they depend on: each level depends on those before
// it, and its services do not depend on each other.
func levels(p *types.Project) [][]string {
	depth := map[string]int{}
	var depthOf func(name string, above []string) int
	depthOf = func(name string, above []string) int {
		if d, known := depth[name]; known || slices.Contains(above, name) {
			return d // Compose refuses circles
		}
		d := 0
		for other := range p.Services[name].DependsOn {
			if _, active := p.Services[other]; active {
				d = max(d, depthOf(other, append(above, name))+1)
			}
		}
		depth[name] = d
		return d
	}
	var all [][]string
	for _, name := range p.ServiceNames() { // sorted
		d := depthOf(name, nil)
		for len(all) <= d {
			all = append(all, nil)
		}
		all[d] = append(all[d], name)
	}
	return all
}

// jobs returns the services that others wait for until they have finished well.
func jobs(p *types.Project) map[string]bool {
	finish := map[string]bool{}
	for _, s := range p.Services {
		for name, dependency := range s.DependsOn {
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully {
				finish[name] = true
			}
		}
	}
	return finish
}
