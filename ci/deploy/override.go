package deploy

import (
	"bytes"
	"path"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"gitops/ci/compose"
)

// override is what a release adds to its manifest: generations, the places of files,
// names of images. It has no values of variables: where the manifest has a variable
// in a label, so has the override.
type override struct {
	manifest *compose.Manifest
	bundle   bundle
	project  string
	dir      string
	rename   bool // drop container_name
	// pathsStay leaves relative paths to the project directory.
	pathsStay bool
}

// text returns the override as a compose file, for the given actions.
func (o override) text(actions []Action) ([]byte, error) {
	services := mapping{}
	for _, action := range actions {
		if s, ok := o.manifest.Project.Services[action.Service]; ok {
			if m := o.service(s, action); len(m) > 0 {
				services = append(services, pair{action.Service, m.node()})
			}
		}
	}
	file := mapping{}
	if len(services) > 0 {
		file = append(file, pair{"services", services.node()})
	}
	file = append(file, o.topLevel("configs", compose.UseConfig)...)
	file = append(file, o.topLevel("secrets", compose.UseSecret)...)
	var out bytes.Buffer
	out.WriteString("# Written by gitops deploy beside the manifest of this release: what deploy adds to it.\n")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := encoder.Encode(file.node())
	return out.Bytes(), err
}

func (o override) service(s types.ServiceConfig, action Action) mapping {
	m := mapping{}
	if action.pin != "" {
		m = append(m, pair{"image", literal(action.pin)})
	}
	if o.rename && s.ContainerName != "" {
		m = append(m, pair{"container_name", reset()})
	}
	if s.Develop != nil {
		// Its paths are in the release's folder, and Compose would replace the containers
		// of each release for that.
		m = append(m, pair{"develop", reset()})
	}
	if volumes := o.volumes(s); volumes != nil {
		m = append(m, pair{"volumes", volumes})
	}
	if action.next.check != "" {
		m = append(m, pair{"healthcheck", healthCheck(action.next.check)})
	}
	manifest := o.manifest.Labels(s.Name)
	labels := action.next.labels(qualified(s.Name, o.project), manifest)
	if hash, _ := o.bundle.filesOf(o.manifest, s.Name); hash != "" {
		labels[labelFiles] = hash
	}
	if len(labels) > len(manifest) || action.next.number > 0 {
		all := mapping{}
		for _, key := range sortedKeys(labels) {
			all = append(all, pair{key, text(labels[key])})
		}
		node := all.node()
		node.Tag = "!override"
		m = append(m, pair{"labels", node})
	}
	return m
}

// reset removes what the manifest has.
func reset() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!reset", Value: "null"} }

// volumes places the files and the data of a service; nil when it has neither.
func (o override) volumes(s types.ServiceConfig) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		place := o.place(v.Source)
		if place == "" {
			continue
		}
		v.Source, v.Target = escape(place), escape(v.Target)
		if node := bindNode(v); node != nil {
			list.Content = append(list.Content, node)
		}
	}
	if len(list.Content) == 0 {
		return nil
	}
	return list
}

// bindNode returns a bind mount in the long form. Compose-go leaves out
// create_host_path where it is true, which older versions of Compose read as false.
func bindNode(v types.ServiceVolumeConfig) *yaml.Node {
	var node yaml.Node
	if node.Encode(v) != nil {
		return nil
	}
	if v.Bind == nil {
		return &node
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if bind := node.Content[i+1]; node.Content[i].Value == "bind" && v.Bind.CreateHostPath {
			bind.Style = 0
			bind.Content = append(bind.Content, text("create_host_path"), &yaml.Node{Kind: yaml.ScalarNode, Value: "true"})
		}
	}
	return &node
}

// place returns where the source of a bind is on the host; empty when the manifest
// has an absolute path.
func (o override) place(source string) string {
	relative, ok := o.manifest.Relative(source)
	if !ok || o.pathsStay {
		return ""
	}
	if c, ok := o.bundle.content[string(compose.UseBind)+" "+relative]; ok {
		return c.place(o.dir)
	}
	inside, ok := strings.CutPrefix(relative, o.manifest.Folder+"/")
	if !ok || o.manifest.Folder == "." {
		inside = relative
	}
	return path.Join(o.dir, inside) // data, which stays from release to release
}

func (o override) topLevel(key string, use compose.Use) mapping {
	entries := mapping{}
	for _, name := range sortedKeys(o.manifest.FileOf(use)) {
		file := o.manifest.FileOf(use)[name]
		if c, ok := o.bundle.content[string(use)+" "+file]; ok {
			entries = append(entries, pair{name, mapping{{"file", literal(c.place(o.dir))}}.node()})
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return mapping{{key, entries.node()}}
}

// healthCheck returns a check that passes once something listens on the port. It
// needs a shell in the image and nothing else: the kernel's tables say what listens
// (state 0A), with the port in hexadecimal.
func healthCheck(port string) *yaml.Node {
	test := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{text("CMD"), text("sh"), text("-c"), literal(listening), text("check"), text(port)}}
	return mapping{{"test", test}, {"interval", text("2s")}, {"timeout", text("2s")}, {"retries", &yaml.Node{Kind: yaml.ScalarNode, Value: "3"}}, {"start_period", text("60s")}}.node()
}

const listening = `hex=$(printf %04X "$1")
for table in /proc/net/tcp /proc/net/tcp6; do
[ -r $table ] || continue
while read -r _ local _ state _; do case "$local $state" in *":$hex 0A") exit 0 ;; esac; done <$table
done
exit 1`

// mapping is a YAML mapping in its order.
type mapping []pair

type pair struct {
	key   string
	value *yaml.Node
}

func (m mapping) node() *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, p := range m {
		node.Content = append(node.Content, text(p.key), p.value)
	}
	return node
}

// text returns a scalar that stays a text.
func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// literal returns a text in which Compose finds no variables.
func literal(value string) *yaml.Node { return text(escape(value)) }

func escape(value string) string { return strings.ReplaceAll(value, "$", "$$") }
