package deploy

import (
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

// neutral returns a compose file that takes out of a manifest what would spoil
// Compose's comparison, and the services that have to be compared without their
// dependencies.
//
// Compose before 2.30 hashes depends_on with a service, and not where a service is
// started with --no-deps, as deploy does. Dependencies that come from network_mode,
// volumes_from and the like cannot be taken out by a file. A dry run cannot copy the
// text of a config or a secret into a container that it only pretends to make.
func neutral(p *types.Project) (text []byte, follow []string, err error) {
	services := mapping{}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if len(s.DependsOn) == 0 {
			continue
		}
		services = append(services, pair{name, mapping{{"depends_on", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!reset", Value: "null"}}}.node()})
		if namespaceOf(s) != "" || len(s.VolumesFrom) > 0 || len(s.Links) > 0 {
			follow = append(follow, name)
		}
	}
	file := mapping{{"services", services.node()}}
	for _, kind := range []struct {
		key string
		all map[string]types.FileObjectConfig
	}{{"configs", sameForm(p.Configs)}, {"secrets", sameForm(p.Secrets)}} {
		entries := mapping{}
		for _, name := range slices.Sorted(maps.Keys(kind.all)) {
			if f := kind.all[name]; f.Content != "" || f.Environment != "" {
				node := mapping{{"file", literal("/dev/null")}}.node()
				node.Tag = "!override"
				entries = append(entries, pair{name, node})
			}
		}
		file = append(file, pair{kind.key, entries.node()})
	}
	text, err = yaml.Marshal(file.node())
	return text, follow, err
}

// sameForm returns configs or secrets in the form that both have.
func sameForm[T types.ConfigObjConfig | types.SecretConfig](all map[string]T) map[string]types.FileObjectConfig {
	same := map[string]types.FileObjectConfig{}
	for name, one := range all {
		same[name] = types.FileObjectConfig(one)
	}
	return same
}
