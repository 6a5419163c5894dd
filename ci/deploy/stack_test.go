package deploy

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/compose"
)

// A release of the host is read as it was when it was deployed, wherever its files were
// in the repository: else going back would lose them.
func TestAReleaseIsReadAsItWasDeployed(t *testing.T) {
	const service = "services:\n  web: {image: web, volumes: [\"./conf:/conf:ro\", \"MORE:/more\"], secrets: [s], configs: [c]}\nsecrets: {s: {file: ./s.txt}}\nconfigs: {c: {file: ./c.txt}}\n"
	for name, more := range map[string]string{"beside": "./more.txt", "above": "../shared/more.txt", "itself": "."} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range map[string]string{
				"team/app/compose.yml": strings.ReplaceAll(service, "MORE", more), "team/app/conf/a": "a", "team/app/s.txt": "s", "team/app/c.txt": "c",
				"team/app/more.txt": "m", "team/shared/more.txt": "m",
			} {
				file = filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			source := compose.Source{Root: root, Manifests: []string{"team/app/compose.yml"}}
			deployed, err := newTarget(t.Context(), Options{Source: source})
			if err != nil {
				t.Fatal(err)
			}
			release := Release{Name: "r", layout: deployed.bundle.layout, Files: deployed.bundle.places()}
			stored, folder, err := new(remote).unpacked(release, base64.StdEncoding.EncodeToString(deployed.bundle.read))
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(folder)
			if stored.manifest, err = readManifest(t.Context(), stored.source(folder)); err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, one := range []target{deployed, stored} {
				text, err := override{manifest: one.manifest, bundle: one.bundle, project: "p", dir: "/home/deploy"}.text([]Action{{Service: "web"}})
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			if texts[0] != texts[1] {
				t.Errorf("deployed as\n%s\nand read as\n%s", texts[0], texts[1])
			}
		})
	}
}

// Paths of develop are in the release's folder: each release would have another
// definition.
func TestReleaseHasNoPathsOfDevelop(t *testing.T) {
	root := t.TempDir()
	text := "services: {web: {image: x, develop: {watch: [{path: ./src, action: sync, target: /src}]}}}\n"
	if err := os.WriteFile(filepath.Join(root, "compose.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := newTarget(t.Context(), Options{Source: compose.Source{Root: root, Manifests: []string{"compose.yml"}}})
	if err != nil {
		t.Fatal(err)
	}
	written, err := override{manifest: d.manifest, bundle: d.bundle, project: "p", dir: "/home/deploy"}.text([]Action{{Service: "web"}})
	if err != nil || !strings.Contains(string(written), "develop: !reset null") {
		t.Errorf("%v: %s", err, written)
	}
}
