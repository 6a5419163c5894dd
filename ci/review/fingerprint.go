package review

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"sort"

	tfjson "github.com/hashicorp/terraform-json"
)

// Extra is what a plan depends on beyond its JSON.
type Extra struct {
	Workspace string // Terraform's workspace, "default" when empty
	Lineage   string // the state's lineage; empty before the first apply
	LockFile  []byte // .terraform.lock.hcl, of which the provider versions count
	Modules   []byte // .terraform/modules/modules.json, of which the versions count
}

// Fingerprint names exactly what plan would do: "sha256:" and the SHA-256 of its
// canonical form (see Canonical). Two plans of the same change have the same
// fingerprint; any changed action, address or value gives another.
func Fingerprint(plan *tfjson.Plan, extra Extra) string {
	sum := sha256.Sum256(Canonical(plan, extra))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// canonicalVersion names the form that Canonical writes. It changes whenever the
// form does, so that fingerprints of two forms never compare as equal.
const canonicalVersion = "gitops-plan-1"

// Canonical returns the canonical form of plan: one JSON document without white
// space whose object keys are sorted. It holds
//
//	actions     action invocations, as Terraform orders them
//	deferred    deferred changes, with their reasons
//	form        the version of this form
//	lineage     the state's lineage
//	modules     "key source version" of each module that has a version, sorted
//	outputs     output changes by name, without those that change nothing
//	providers   "source version" of each locked provider, sorted
//	resources   resource changes sorted by their canonical form, which
//	            begins with the address; without those that change nothing
//	workspace   the workspace
//
// A resource has its address, the previous address of a move, deposed key, mode,
// provider, the import's ID or identity, actions in Terraform's order, and its
// values before and after. A value is written as
//
//	null, true, "text"       itself
//	["number","1.5e3"]       a number: its significant digits and exponent
//	["list",…]  ["map",{…}]  a list, a map
//	["unknown"]              known after apply
//	["sensitive","…"]        a value marked sensitive: the SHA-256 of its
//	                         canonical form, salted with the lineage
//
// What may differ between two honest plans of one change is left out: the time,
// the order, the format's version, Terraform's version, the state's serial and
// the state itself, changes outside of Terraform that lead to no action, checks,
// and reasons, which are for display.
func Canonical(plan *tfjson.Plan, extra Extra) []byte {
	w := canonicalWriter{lineage: extra.Lineage}
	workspace := extra.Workspace
	if workspace == "" {
		workspace = "default"
	}
	form := map[string]any{
		"form":      canonicalVersion,
		"lineage":   extra.Lineage,
		"modules":   moduleVersions(extra.Modules),
		"providers": providerVersions(extra.LockFile),
		"workspace": workspace,
	}
	if plan != nil {
		form["actions"] = w.invocations(plan.ActionInvocations)
		form["deferred"] = w.deferred(plan.DeferredChanges)
		form["outputs"] = w.outputs(plan.OutputChanges)
		form["resources"] = w.resources(plan.ResourceChanges)
	}
	return encode(form)
}

// encode writes plain maps, lists and strings, which always succeeds.
func encode(value any) []byte { return []byte(compactJSON(value)) }

func (w canonicalWriter) resources(changes []*tfjson.ResourceChange) []any {
	written := []any{}
	for _, rc := range changes {
		if rc != nil && rc.Change != nil && resourceAction(rc) != ActionNone {
			written = append(written, w.resource(rc))
		}
	}
	sortByEncoding(written)
	return written
}

func (w canonicalWriter) deferred(changes []*tfjson.DeferredResourceChange) []any {
	written := []any{}
	for _, deferred := range changes {
		if deferred != nil && deferred.ResourceChange != nil && deferred.ResourceChange.Change != nil {
			written = append(written, []any{deferred.Reason, w.resource(deferred.ResourceChange)})
		}
	}
	sortByEncoding(written)
	return written
}

func (w canonicalWriter) resource(rc *tfjson.ResourceChange) any {
	previous := ""
	if moved(rc) {
		previous = rc.PreviousAddress
	}
	// A list, so that sorting the encoded resources sorts by address first.
	return []any{
		rc.Address, rc.DeposedKey, previous, string(rc.Mode), rc.ProviderName,
		w.importing(rc.Change.Importing), w.change(rc.Change),
	}
}

func (w canonicalWriter) importing(importing *tfjson.Importing) any {
	if importing == nil {
		return nil
	}
	return []any{importing.ID, importing.Unknown, w.value(importing.Identity, nil, nil)}
}

func (w canonicalWriter) change(c *tfjson.Change) map[string]any {
	actions := []any{}
	for _, action := range c.Actions {
		actions = append(actions, string(action))
	}
	return map[string]any{
		"actions": actions,
		"before":  w.value(c.Before, nil, c.BeforeSensitive),
		"after":   w.value(c.After, c.AfterUnknown, c.AfterSensitive),
	}
}

func (w canonicalWriter) outputs(changes map[string]*tfjson.Change) map[string]any {
	written := map[string]any{}
	for name, change := range changes {
		if change != nil && changeAction(change.Actions) != ActionNone {
			written[name] = w.change(change)
		}
	}
	return written
}

func (w canonicalWriter) invocations(invocations []*tfjson.ActionInvocation) []any {
	written := []any{}
	for _, invocation := range invocations {
		if invocation == nil {
			continue
		}
		trigger := any(nil)
		if t := invocation.LifecycleActionTrigger; t != nil {
			trigger = []any{t.TriggeringResourceAddress, t.ActionTriggerEvent,
				w.value(float64(t.ActionTriggerBlockIndex), nil, nil), w.value(float64(t.ActionsListIndex), nil, nil)}
		}
		written = append(written, []any{invocation.Address, invocation.ProviderName, trigger,
			w.value(invocation.ConfigValues, invocation.ConfigUnknown, invocation.ConfigSensitive)})
	}
	return written
}

func sortByEncoding(values []any) {
	keys := make([]string, len(values))
	order := make([]int, len(values))
	for i, value := range values {
		keys[i], order[i] = string(encode(value)), i
	}
	sort.Slice(order, func(i, j int) bool { return keys[order[i]] < keys[order[j]] })
	sorted := make([]any, len(values))
	for i, from := range order {
		// The text is encoded already: it need not be encoded once more.
		sorted[i] = json.RawMessage(keys[from])
	}
	copy(values, sorted)
}

var (
	lockedProvider = regexp.MustCompile(`(?m)^\s*provider\s+"([^"]+)"\s*\{`)
	lockedVersion  = regexp.MustCompile(`(?m)^\s*version\s*=\s*"([^"]+)"`)
)

// providerVersions reads a dependency lock file. Its hashes are left out: which of
// them it lists depends on the platforms it was made for.
func providerVersions(lockFile []byte) []string {
	versions := []string{}
	text := string(lockFile)
	starts := lockedProvider.FindAllStringSubmatchIndex(text, -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		version := ""
		if found := lockedVersion.FindStringSubmatch(text[start[1]:end]); found != nil {
			version = found[1]
		}
		versions = append(versions, text[start[2]:start[3]]+" "+version)
	}
	sort.Strings(versions)
	return versions
}

func moduleVersions(modulesJSON []byte) []string {
	versions := []string{}
	var file struct {
		Modules []struct{ Key, Source, Version string }
	}
	if json.Unmarshal(modulesJSON, &file) != nil {
		return versions
	}
	for _, module := range file.Modules {
		if module.Version != "" {
			versions = append(versions, module.Key+" "+module.Source+" "+module.Version)
		}
	}
	sort.Strings(versions)
	return versions
}
