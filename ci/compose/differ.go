package compose

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Differences returns in what a service differs from its definition in another
// manifest: names of variables and labels, keys, configs and secrets. It has no values,
// nothing that a container does not depend on, and neither the image nor the content of
// files. It is empty where one of the manifests does not have the service.
func (m *Manifest) Differences(before *Manifest, name string) (all []string) {
	now, ok := m.Project.Services[name]
	old, had := before.Project.Services[name]
	if !ok || !had {
		return nil
	}
	for _, part := range []struct {
		what  string
		names []string
	}{
		{"environment ", differing(old.Environment, now.Environment)},
		{"labels ", differing(old.Labels, now.Labels)},
		{"", differing(before.plain(old), m.plain(now))},
		{"configs and secrets ", differing(before.sharedBy(old), m.sharedBy(now))},
	} {
		if len(part.names) > 0 {
			all = append(all, part.what+strings.Join(part.names, ", "))
		}
	}
	return all
}

// differing returns the keys whose values two mappings do not have in common, sorted.
func differing[V any](a, b map[string]V) (names []string) {
	for _, key := range sortedKeys(a) {
		if value, ok := b[key]; !ok || !reflect.DeepEqual(a[key], value) {
			names = append(names, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return names
}

// plain returns a definition by its keys, without those that are compared otherwise and
// those that Compose makes no new container for. Paths are relative to the project
// directory.
func (m *Manifest) plain(s types.ServiceConfig) map[string]any {
	s.Environment, s.Labels, s.Image, s.EnvFiles, s.LabelFiles = nil, nil, "", nil, nil
	s.Build, s.Develop, s.DependsOn, s.Profiles, s.PullPolicy, s.Scale = nil, nil, nil, nil, "", nil
	if s.Deploy != nil {
		deploy := *s.Deploy
		deploy.Replicas = nil
		s.Deploy = &deploy
	}
	keys := map[string]any{}
	text, err := json.Marshal(s)
	if err != nil || json.Unmarshal(text, &keys) != nil {
		return nil
	}
	replaceTexts(keys, m.inProject)
	return keys
}

// inProject returns a path of this machine relative to the project directory; another
// text stays.
func (m *Manifest) inProject(text string) string {
	if text != m.root && !strings.HasPrefix(text, m.root+string(filepath.Separator)) {
		return text
	}
	relative, err := filepath.Rel(filepath.Join(m.root, filepath.FromSlash(m.Folder)), text)
	if err != nil {
		return text
	}
	return filepath.ToSlash(relative)
}

// sharedBy returns the texts and names of the configs and secrets that a service uses.
func (m *Manifest) sharedBy(s types.ServiceConfig) map[string]string {
	all := map[string]string{}
	for _, use := range s.Configs {
		c := types.FileObjectConfig(m.Project.Configs[use.Source])
		all[use.Source] = m.shared(c)
	}
	for _, use := range s.Secrets {
		c := types.FileObjectConfig(m.Project.Secrets[use.Source])
		all[use.Source] = m.shared(c)
	}
	return all
}

func (m *Manifest) shared(c types.FileObjectConfig) string {
	value, _ := m.Project.Environment.Resolve(cmp.Or(c.Environment, "-"))
	return strings.Join([]string{c.Name, m.inProject(c.File), c.Environment, value, c.Content}, "\x00")
}
