package compose_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"gitops/ci/compose"
	"gitops/ci/secret"
)

// publicFolder has manifests in the shapes of public projects. In each folder are the
// manifest and its files, values.env with values for its variables, and source.yml
// where a Source has more than compose.yml.
const publicFolder = "testdata/public"

// publicSource returns the source in a folder.
func publicSource(t *testing.T, folder string) compose.Source {
	t.Helper()
	var s struct {
		Manifests, Profiles, Data []string
	}
	text, err := os.ReadFile(filepath.Join(folder, "source.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &s)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if s.Manifests == nil {
		s.Manifests = []string{"compose.yml"}
	}
	env := map[string]secret.Value{}
	if _, err := os.Stat(filepath.Join(folder, "values.env")); err == nil {
		if env, err = compose.EnvironmentFile(filepath.Join(folder, "values.env")); err != nil {
			t.Fatal(err)
		}
	}
	return compose.Source{Root: folder, Manifests: s.Manifests, Profiles: s.Profiles, Data: s.Data, Env: env}
}

// publicNames returns the names of the folders.
func publicNames(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(publicFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// compared are the keys of a service that both readings must agree about.
var compared = []string{"image", "scale", "deploy", "environment", "labels", "volumes", "ports", "networks", "network_mode", "depends_on", "command", "entrypoint",
	"container_name", "healthcheck", "configs", "secrets", "restart", "platform", "profiles", "stop_grace_period", "extra_hosts", "tmpfs", "expose", "user",
	"working_dir", "logging", "mem_limit", "cap_add", "ulimits", "hostname"}

// The installed Docker Compose reads each manifest as Load does.
func TestAgreesWithDockerCompose(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Skip("docker compose is not installed")
	}
	names := publicNames(t)
	if len(names) < 60 {
		t.Errorf("%d manifests, want 60", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS(filepath.Join(publicFolder, name))); err != nil {
				t.Fatal(err)
			}
			s := publicSource(t, folder)
			withoutNewKeys(t, folder)
			m, err := compose.Load(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			agreeAbout(t, ofProject(t, m), ofDocker(t, s))
		})
	}
}

// agreeAbout compares two readings.
func agreeAbout(t *testing.T, ours, docker map[string]any) {
	t.Helper()
	services, want := mapping(ours["services"]), mapping(docker["services"])
	if !slices.Equal(keys(services), keys(want)) {
		t.Fatalf("services %v, Docker Compose has %v", keys(services), keys(want))
	}
	for name := range want {
		spellScale(mapping(services[name]))
		spellScale(mapping(want[name]))
		for _, key := range compared {
			got, want := value(mapping(services[name])[key]), value(mapping(want[name])[key])
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s.%s:\n%s\nDocker Compose has\n%s", name, key, inJSON(got), inJSON(want))
			}
		}
	}
	for _, key := range []string{"name", "networks", "volumes"} {
		if got, want := value(ours[key]), value(docker[key]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%s\nDocker Compose has\n%s", key, inJSON(got), inJSON(want))
		}
	}
}

// spellScale writes the number of containers in one place.
func spellScale(service map[string]any) {
	deploy := mapping(service["deploy"])
	if replicas, ok := deploy["replicas"]; ok {
		service["scale"] = replicas
		delete(deploy, "replicas")
	}
}

// ofProject returns what Load made of a manifest, as JSON has it.
func ofProject(t *testing.T, m *compose.Manifest) map[string]any {
	t.Helper()
	text, err := m.Project.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, text)
}

// ofDocker returns what Docker Compose makes of it.
func ofDocker(t *testing.T, s compose.Source) map[string]any {
	t.Helper()
	args := []string{"compose"}
	for _, name := range s.Manifests {
		args = append(args, "-f", name)
	}
	for _, profile := range s.Profiles {
		args = append(args, "--profile", profile)
	}
	if len(s.Env) > 0 {
		args = append(args, "--env-file", "values.env")
	} else {
		args = append(args, "--env-file", os.DevNull)
	}
	cmd := exec.Command("docker", append(args, "config", "--format", "json")...)
	cmd.Dir = s.Root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PWD=" + s.Root, "HOME=${HOME}"}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker compose: %v\n%s", err, stderr.String())
	}
	return decoded(t, text)
}

func decoded(t *testing.T, text []byte) (all map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// newKeys are newer than the Docker Compose of some machines.
var newKeys = []string{"post_start", "pre_stop", "label_file", "provider"}

// withoutNewKeys takes them out of the manifests in a folder.
func withoutNewKeys(t *testing.T, folder string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(folder, "*.yml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(newKeys, func(key string) bool { return strings.Contains(string(text), key+":") }) {
			continue
		}
		var node yaml.Node
		if err := yaml.Unmarshal(text, &node); err != nil {
			t.Fatal(err)
		}
		removeKeys(&node)
		if text, err = yaml.Marshal(&node); err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func removeKeys(node *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		for i := len(node.Content) - 2; i >= 0; i -= 2 {
			switch key := node.Content[i].Value; {
			case key == "provider": // a service has to have something
				node.Content[i], node.Content[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Value: "image"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "provider"}
			case slices.Contains(newKeys, key):
				node.Content = slices.Delete(node.Content, i, i+2)
			}
		}
	}
	for _, child := range node.Content {
		removeKeys(child)
	}
}

// A release has all that the manifest needs: with its files alone, the manifest is
// the same.
func TestFilesAreComplete(t *testing.T) {
	for _, name := range publicNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := publicSource(t, filepath.Join(publicFolder, name))
			m, err := compose.Load(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			release := t.TempDir()
			for _, f := range m.Files {
				copyFile(t, filepath.Join(s.Root, f.Path), filepath.Join(release, f.Path))
			}
			root, _ := filepath.Abs(s.Root)
			s.Root, s.Project = release, m.Project.Name
			again, err := compose.Load(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m.Files, again.Files) || !reflect.DeepEqual(m.Data, again.Data) {
				t.Errorf("files %v, and in the release %v", m.Files, again.Files)
			}
			got, want := inJSON(ofProject(t, again)), strings.ReplaceAll(inJSON(ofProject(t, m)), root, release)
			if got != want {
				t.Errorf("in the release it is\n%s\nand was\n%s", got, want)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil && info.IsDir() {
		err = exec.Command("cp", "-R", from, filepath.Dir(to)).Run()
	}
	if err == nil && !info.IsDir() {
		var text []byte
		if text, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func keys(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func inJSON(value any) string {
	text, _ := json.MarshalIndent(value, "", "  ")
	return string(text)
}

// value returns a value in one form: without null, empty lists and mappings, and
// without what only newer or older versions write down.
func value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		all := map[string]any{}
		for key, item := range v {
			if key == "create_host_path" || key == "mode" {
				item = older(key, item)
			}
			if item = value(item); item != nil {
				all[key] = item
			}
		}
		if len(all) == 0 {
			return nil
		}
		return all
	case []any:
		if len(v) == 0 {
			return nil
		}
		all := make([]any, len(v))
		for i, item := range v {
			all[i] = value(item)
		}
		return all
	case string:
		if v == "" {
			return nil
		}
		return strings.ReplaceAll(v, "$$", "$") // config writes text that can be read again
	}
	return v
}

// older returns what an older version writes: true where it is the default, and
// numbers for modes.
func older(key string, v any) any {
	if text, ok := v.(string); ok && key == "mode" {
		if mode, err := strconv.ParseInt(text, 8, 32); err == nil {
			return float64(mode)
		}
	}
	if key == "create_host_path" && v == true {
		return nil
	}
	return v
}
