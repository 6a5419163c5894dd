package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"
)

// adapter makes a public manifest run on an engine that has none of its images. All
// that a deploy decides by stays as it is.
type adapter struct {
	lab    *lab
	images map[string]string // by service; others run the image now
	old    bool              // Docker Compose does not know the newest keys
}

// adapt changes the compose files in a folder.
func (a adapter) adapt(folder string) {
	a.lab.t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yml" {
			return err
		}
		return a.adaptFile(path)
	})
	if err != nil {
		a.lab.t.Fatal(err)
	}
}

// adaptFile changes the documents of one file, if they have services.
func (a adapter) adaptFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains("\n"+string(text), "\nservices:") {
		return err
	}
	var out bytes.Buffer
	decoder, encoder := yaml.NewDecoder(bytes.NewReader(text)), yaml.NewEncoder(&out)
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		a.walk(&document, "")
		a.services(document.Content[0])
		if err := encoder.Encode(&document); err != nil {
			return err
		}
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// services gives each service of a document its image.
func (a adapter) services(document *yaml.Node) {
	all := entry(document, "services")
	if all == nil {
		return
	}
	for i := 0; i+1 < len(all.Content); i += 2 {
		name, s := all.Content[i].Value, all.Content[i+1]
		if s.Kind != yaml.MappingNode || entry(s, "provider") != nil {
			continue
		}
		chosen := a.images[name]
		if chosen == "" {
			chosen = image("now")
		}
		set(s, "image", chosen)
	}
}

// newKeys are newer than the Docker Compose of some machines.
var newKeys = []string{"post_start", "pre_stop", "label_file", "provider"}

// walk changes what stands below a key.
func (a adapter) walk(node *yaml.Node, below string) {
	for i := len(node.Content) - 2; node.Kind == yaml.MappingNode && i >= 0; i -= 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag == "!!merge" {
			key.Tag = "" // the encoder would write it
		}
		switch {
		case key.Value == "entrypoint" && !strings.Contains(text(value), "/app"), a.old && slices.Contains(newKeys, key.Value),
			key.Value == "start_interval": // of engines after 24
			node.Content = slices.Delete(node.Content, i, i+2)
			continue
		case key.Value == "container_name" && value.Kind == yaml.ScalarNode:
			value.Value = a.lab.project + "-" + value.Value
		case key.Value == "healthcheck" && value.Kind == yaml.MappingNode && entry(value, "disable") == nil:
			set(value, "interval", "1s")
		case key.Value == "external" && value.Value == "true":
			set(node, "name", a.lab.network)
		}
		a.walk(value, key.Value)
	}
	if node.Tag == "!!null" {
		node.Value = "null" // the encoder would write an empty text
	}
	if node.Kind == yaml.MappingNode {
		return
	}
	for _, child := range node.Content {
		a.walk(child, below)
	}
	if node.Kind != yaml.ScalarNode {
		return
	}
	if below == "nofile" || below == "soft" || below == "hard" {
		node.Value = openFiles(node.Value)
	}
	if below == "volumes" && strings.HasPrefix(node.Value, "/srv/") {
		node.Value = filepath.Join(filepath.Dir(a.lab.dir), node.Value)
	}
	if below == "volumes" || below == "target" { // the program is at /app
		node.Value = strings.Replace(node.Value, "/app/", "/of-app/", 1)
	}
}

// openFiles returns a limit of open files that this machine can set: to raise its own
// takes a capability that root may lack in a container.
func openFiles(wanted string) string {
	var most syscall.Rlimit
	number, err := strconv.ParseUint(wanted, 10, 64)
	if err != nil || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most) != nil {
		return wanted
	}
	return strconv.FormatUint(min(number, most.Max), 10)
}

// text returns all scalars of a node.
func text(node *yaml.Node) string {
	all := node.Value
	for _, child := range node.Content {
		all += " " + text(child)
	}
	return all
}

// entry returns the value of a key; nil when the mapping has none.
func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func set(mapping *yaml.Node, key, value string) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = node
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, node)
}

var builtPublic sync.Once

// publicBehaviours are the images of public manifests: what runs now, what runs
// next, and a job that ends.
var publicBehaviours = []string{"now", "next", "job"}

// buildPublicImages makes images that have what public manifests ask of theirs: a port,
// programs for health checks, a user. The programs only succeed.
func buildPublicImages(t *testing.T) {
	t.Helper()
	builtPublic.Do(func() {
		dir := t.TempDir()
		build := exec.Command("go", "build", "-o", dir+"/image/app", "./testdata/app")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		run(t, build)
		for _, path := range []string{"image/bin", "image/etc"} {
			if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, program := range []string{"sh", "pg_isready", "redis-cli", "curl", "wget", "nc"} {
			if err := os.Symlink("/app", filepath.Join(dir, "image/bin", program)); err != nil {
				t.Fatal(err)
			}
		}
		for path, content := range map[string]string{
			"image/etc/passwd": "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/:/bin/sh\n",
			"Dockerfile":       "FROM scratch\nCOPY image /\nEXPOSE 8080\nARG BEHAVIOUR\nENV BEHAVIOUR=$BEHAVIOUR\nENTRYPOINT [\"/app\"]\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, behaviour := range publicBehaviours {
			run(t, exec.Command("docker", "build", "--quiet", "--build-arg", "BEHAVIOUR="+behaviour, "--tag", image(behaviour), dir))
		}
	})
}
