package deploy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// deployOf returns the deploy section of a service: what the manifest says there, and
// what it says in the words of Compose.
func deployOf(c types.ServiceConfig, known *swarmService) (map[string]any, error) {
	d := types.DeployConfig{}
	if c.Deploy != nil {
		d = *c.Deploy
	}
	section, err := sectionOf(d)
	if err != nil {
		return nil, fmt.Errorf("writing deploy of service %s for the swarm: %w", c.Name, err)
	}
	known.global = strings.HasPrefix(d.Mode, "global")
	known.job = known.job || strings.HasSuffix(d.Mode, "-job")
	if !known.global {
		section["replicas"] = known.scale
	}
	if resources := resourcesOf(c, d); len(resources) > 0 {
		section["resources"] = resources
	}
	if policy := restartOf(c, known.job); d.RestartPolicy == nil && policy != nil {
		section["restart_policy"] = policy
	}
	policy, _ := section["restart_policy"].(map[string]any)
	known.ends = known.job || policy != nil && policy["condition"] != nil && policy["condition"] != "any"
	if !strings.HasSuffix(d.Mode, "-job") {
		section["update_config"] = updateOf(c, section["update_config"], known)
	}
	return section, nil
}

// sectionOf returns the deploy section as compose-go writes it, without what is written in
// another way, and without what is empty.
func sectionOf(d types.DeployConfig) (map[string]any, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	section := map[string]any{}
	err = json.Unmarshal(text, &section)
	delete(section, "labels")
	delete(section, "resources")
	if placement, _ := section["placement"].(map[string]any); len(placement) == 0 {
		delete(section, "placement")
	}
	return section, err
}

// updateOf says how tasks are replaced: new ones start first where two may run beside
// each other, and a new one that fails stops the roll.
func updateOf(c types.ServiceConfig, written any, known *swarmService) map[string]any {
	update, _ := written.(map[string]any)
	if update == nil {
		update = map[string]any{}
	}
	known.why = alone(c)
	known.firstStart = known.why == ""
	update["order"] = "stop-first"
	if known.firstStart {
		update["order"] = "start-first"
	}
	if update["failure_action"] == nil {
		update["failure_action"] = "pause"
	}
	return update
}

// alone returns why an old task of a service has to stop before a new one starts; empty
// when it need not.
func alone(c types.ServiceConfig) string {
	if c.NetworkMode == "host" {
		return "it is on the host's network"
	}
	for _, port := range c.Ports {
		if port.Mode == "host" && port.Published != "" && port.Published != "0" {
			return "it publishes port " + port.Published + " of its node (mode: host)"
		}
	}
	if c.Deploy != nil && c.Deploy.UpdateConfig != nil {
		switch c.Deploy.UpdateConfig.Order {
		case "start-first":
			return ""
		case "stop-first":
			return "deploy.update_config.order is stop-first"
		}
	}
	return heldVolume(withoutFiles(c), nil)
}

// withoutFiles returns the service without binds: those of files are configs, and those
// of the host are on each node.
func withoutFiles(c types.ServiceConfig) types.ServiceConfig {
	var volumes []types.ServiceVolumeConfig
	for _, v := range c.Volumes {
		if v.Type != types.VolumeTypeBind || v.ReadOnly {
			volumes = append(volumes, v)
		}
	}
	c.Volumes = volumes
	return c
}

// restartOf returns Compose's restart in the words of Swarm; nil where the manifest has
// none, which Swarm takes as any.
func restartOf(c types.ServiceConfig, job bool) map[string]any {
	condition, attempts, _ := strings.Cut(c.Restart, ":")
	switch condition {
	case "":
		if job {
			return map[string]any{"condition": "on-failure"}
		}
		return nil
	case "no":
		return map[string]any{"condition": "none"}
	case types.RestartPolicyOnFailure:
		policy := map[string]any{"condition": "on-failure"}
		if n, err := strconv.Atoi(attempts); err == nil {
			policy["max_attempts"] = n
		}
		return policy
	}
	return map[string]any{"condition": "any"}
}

// resourcesOf returns limits and reservations; those of the deploy section win.
func resourcesOf(c types.ServiceConfig, d types.DeployConfig) map[string]any {
	limits := types.Resource{NanoCPUs: types.NanoCPUs(c.CPUS), MemoryBytes: c.MemLimit, Pids: c.PidsLimit}
	reservations := types.Resource{MemoryBytes: c.MemReservation}
	resources := map[string]any{}
	for key, both := range map[string][2]*types.Resource{"limits": {&limits, d.Resources.Limits}, "reservations": {&reservations, d.Resources.Reservations}} {
		if all := resourceOf(*both[0], both[1]); len(all) > 0 {
			resources[key] = all
		}
	}
	return resources
}

func resourceOf(r types.Resource, wins *types.Resource) map[string]any {
	if wins != nil {
		if wins.NanoCPUs != 0 {
			r.NanoCPUs = wins.NanoCPUs
		}
		if wins.MemoryBytes != 0 {
			r.MemoryBytes = wins.MemoryBytes
		}
		if wins.Pids != 0 {
			r.Pids = wins.Pids
		}
		r.GenericResources = wins.GenericResources
	}
	all := map[string]any{}
	if r.NanoCPUs > 0 {
		all["cpus"] = strconv.FormatFloat(float64(r.NanoCPUs), 'f', -1, 32)
	}
	if r.MemoryBytes > 0 {
		all["memory"] = strconv.FormatInt(int64(r.MemoryBytes), 10)
	}
	if r.Pids > 0 {
		all["pids"] = r.Pids
	}
	if len(r.GenericResources) > 0 {
		all["generic_resources"] = r.GenericResources
	}
	return all
}
