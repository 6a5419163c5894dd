package rehearsal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/manifest"
)

// Needed are the images that the host pulls in a rehearsal.
type Needed struct {
	Manifest   []string          // of the manifest's services that are not built
	Monitoring map[string]string // of the monitoring role, by component
}

// monitoringDefaults is where the monitoring role names its images.
const monitoringDefaults = "ansible/roles/monitoring/defaults/main.yml"

// NeededImages reads what the manifest and the monitoring role in source need.
func NeededImages(source string) (Needed, error) {
	n := Needed{Monitoring: map[string]string{}}
	text, err := os.ReadFile(filepath.Join(source, ManifestPath))
	if err != nil {
		return n, fmt.Errorf("reading the manifest: %w", err)
	}
	all, err := manifest.Images(text)
	if err != nil {
		return n, fmt.Errorf("%s: %w", ManifestPath, err)
	}
	own, err := ownImages(filepath.Join(source, ManifestPath))
	if err != nil {
		return n, fmt.Errorf("%s: %w", ManifestPath, err)
	}
	for service, ref := range all {
		if _, built := own[service]; !built {
			n.Manifest = append(n.Manifest, ref)
		}
	}
	sort.Strings(n.Manifest)
	return n, n.addMonitoring(source)
}

func (n Needed) addMonitoring(source string) error {
	text, err := os.ReadFile(filepath.Join(source, monitoringDefaults))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a repository with its own monitoring, or with none
	}
	if err != nil {
		return fmt.Errorf("reading the monitoring role: %w", err)
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		return fmt.Errorf("reading %s: %w", monitoringDefaults, err)
	}
	components, _ := defaults["monitoring_components"].([]any)
	for _, component := range components {
		name := fmt.Sprint(component)
		ref, ok := defaults["monitoring_"+strings.ReplaceAll(name, "-", "_")+"_image"].(string)
		if !ok {
			return fmt.Errorf("%s: component %s has no image", monitoringDefaults, name)
		}
		n.Monitoring[name] = ref
	}
	return nil
}

// Refs returns every image.
func (n Needed) Refs() []string {
	refs := slices.Clone(n.Manifest)
	for _, component := range n.components() {
		refs = append(refs, n.Monitoring[component])
	}
	return refs
}

func (n Needed) components() []string {
	var names []string
	for name := range n.Monitoring {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Without returns the playbook's variables that leave out the components whose
// images are missing, and a line for each that says so.
func (n Needed) Without(missing map[string]string) (vars map[string]any, notRun []string) {
	var kept []string
	for _, component := range n.components() {
		ref := n.Monitoring[component]
		why, gone := missing[ref]
		if !gone {
			kept = append(kept, component)
			continue
		}
		notRun = append(notRun, component+": "+why)
	}
	if len(notRun) == 0 {
		return nil, nil
	}
	return map[string]any{"monitoring_components": kept}, notRun
}
