package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// elsewhere is the key of a service that extends one of another file.
const elsewhere = "x-gitops-elsewhere"

// otherFiles takes the place of the files that a manifest extends: they are beside
// it on the host, if anywhere, and not here. Each has the services that are asked
// for, and says of them that they are elsewhere. It implements
// loader.ResourceLoader.
type otherFiles struct {
	folder string
	paths  map[string]string // by the path in the manifest
}

func newOtherFiles(services map[string][]string) (*otherFiles, error) {
	o := &otherFiles{paths: map[string]string{}}
	if len(services) == 0 {
		return o, nil
	}
	var err error
	if o.folder, err = os.MkdirTemp("", "gitops-extends-"); err != nil {
		return o, fmt.Errorf("making a folder to read the manifest: %w", err)
	}
	for file, names := range services {
		var text strings.Builder
		text.WriteString("services:\n")
		for _, name := range names {
			text.WriteString("  " + strconv.Quote(name) + ": {" + elsewhere + ": true}\n")
		}
		path := filepath.Join(o.folder, strconv.Itoa(len(o.paths))+".yml")
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			o.remove()
			return o, fmt.Errorf("writing down what the manifest extends: %w", err)
		}
		o.paths[file] = path
	}
	return o, nil
}

func (o *otherFiles) remove() {
	if o.folder != "" {
		os.RemoveAll(o.folder)
	}
}

// Accept implements loader.ResourceLoader.
func (o *otherFiles) Accept(string) bool { return true }

// Load implements loader.ResourceLoader.
func (o *otherFiles) Load(_ context.Context, path string) (string, error) {
	if local, ok := o.paths[path]; ok {
		return local, nil
	}
	return "", fmt.Errorf("cannot read %s", path)
}

// Dir implements loader.ResourceLoader.
func (o *otherFiles) Dir(path string) string { return filepath.Dir(path) }
