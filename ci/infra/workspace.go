package infra

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Options says which configuration to work on, and against which state.
type Options struct {
	Dir           string             // the root module's directory
	BackendConfig []string           // the backend's settings, key=value each, or a path to a file of them
	VarFiles      []string           // variable files, the last one wins
	Workspace     string             // Terraform's workspace; empty is "default"
	LockTimeout   time.Duration      // how long to wait for a lock that somebody holds
	Pass          []string           // names of further variables that providers need, such as GOOGLE_CREDENTIALS; "ARM_*" is every name that begins so
	Redactor      *secret.Redactor   // takes known secrets out of errors and plan texts; nil knows none
	Progress      *progress.Progress // nil is silent
}

// Workspace is an initialised Terraform directory. Close it.
type Workspace struct {
	tf       *terraform
	name     string // the workspace that is selected
	varFiles []string
	timeout  string
	progress *progress.Progress
}

// Open initialises the directory against its backend. Bad options are found
// before Terraform runs.
func Open(ctx context.Context, o Options) (*Workspace, error) {
	varFiles, err := absolute("variable file", o.VarFiles)
	if err != nil {
		return nil, err
	}
	settings, files, err := backendSettings(o.BackendConfig)
	if err != nil {
		return nil, err
	}
	tf, err := open(o.Dir, o.Redactor, o.Pass...)
	if err != nil {
		return nil, err
	}
	w := &Workspace{tf: tf, name: o.Workspace, varFiles: varFiles, timeout: o.LockTimeout.String(), progress: o.Progress}
	if err := w.init(ctx, settings, files, o.Workspace); err != nil {
		return nil, errors.Join(err, tf.Close())
	}
	return w, nil
}

// Close removes Terraform's data, plan files in it included.
func (w *Workspace) Close() error { return w.tf.Close() }

func (w *Workspace) init(ctx context.Context, settings map[string]string, files []string, workspace string) error {
	var options []tfexec.InitOption
	for _, file := range files {
		options = append(options, tfexec.BackendConfig(file))
	}
	if len(settings) > 0 {
		// A file, not arguments: some backends take passwords here.
		file := filepath.Join(w.tf.temp, "backend.hcl")
		if err := os.WriteFile(file, backendFile(settings), 0o600); err != nil {
			return err
		}
		options = append(options, tfexec.BackendConfig(file))
	}
	if err := w.tf.run(ctx, "initialising terraform", w.progress, func() error { return w.tf.Init(ctx, options...) }); err != nil {
		return err
	}
	if workspace == "" || workspace == "default" {
		return nil
	}
	return w.tf.run(ctx, "selecting workspace "+workspace, w.progress, func() error { return w.tf.WorkspaceSelect(ctx, workspace) })
}

var settingName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// backendSettings splits the backend's configuration into settings and files.
func backendSettings(config []string) (settings map[string]string, files []string, err error) {
	settings = map[string]string{}
	for _, entry := range config {
		name, value, pair := strings.Cut(entry, "=")
		switch {
		case pair && settingName.MatchString(name):
			settings[name] = value
		case pair:
			// The value may be secret, so it is not repeated.
			return nil, nil, progress.Invalid("reading backend settings: %q is not the name of a setting: write key=value, such as bucket=my-state", name)
		default:
			files = append(files, entry)
		}
	}
	files, err = absolute("backend file", files)
	return settings, files, err
}

// backendFile writes settings in Terraform's language, sorted by name.
func backendFile(settings map[string]string) []byte {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	sort.Strings(names)
	var file strings.Builder
	for _, name := range names {
		file.WriteString(name + " = " + quote(settings[name]) + "\n")
	}
	return []byte(file.String())
}

// quote returns text as a string literal of Terraform's language. The language reads
// JSON's escapes; templates are escaped, so that it does not expand them.
func quote(text string) string {
	escaped, _ := json.Marshal(text) // a string always marshals
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(string(escaped))
}

// absolute returns the paths of files that exist, independent of the directory
// that Terraform runs in.
func absolute(kind string, paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil, progress.Invalid("reading %s: %w", kind, err)
		}
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, progress.Invalid("reading %s: %w", kind, err)
		}
		all = append(all, full)
	}
	return all, nil
}
