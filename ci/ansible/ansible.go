// Package ansible configures hosts by running ansible-playbook: it writes the
// inventory, lends the login key through an agent in memory, insists on known
// host keys and returns what changed as a value.
package ansible

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// playbookProgram is looked up in PATH.
const playbookProgram = "ansible-playbook"

// ErrNotInstalled is the cause when ansible-playbook cannot be found.
var ErrNotInstalled = errors.New(playbookProgram + " is not in PATH")

// variables are those that Ansible gets from here, besides Options.Pass. The roles'
// own secrets are not among them, save those of the roles in this repository.
var variables = slices.Concat(program.Machine, program.Network, []string{
	"ANSIBLE_*", "SSH_AUTH_SOCK", // its configuration, vaults included, and the keys where none is given
	"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", // where it is installed
	"GRAFANA_ADMIN_PASSWORD", // role monitoring reads it
})

// eventsPlugin is the callback that reports what happened as JSON lines.
//
//go:embed gitops_events.py
var eventsPlugin []byte

// Options say which playbook to run, where and as whom.
type Options struct {
	// Dir is the folder of the playbook and its roles; ansible-playbook runs there.
	Dir string
	// Playbook is a path relative to Dir: "site.yml".
	Playbook string
	// Inventory is the inventory's path, as made by WriteInventory.
	Inventory string
	// Tags limits the run to plays, roles and tasks with one of them; none is everything.
	Tags []string
	// PrivateKey logs in to the hosts. When empty, the agent at SSH_AUTH_SOCK is used.
	PrivateKey secret.Value
	// Certificate is the certificate of PrivateKey or of a key in the agent; empty is none.
	Certificate []byte
	// KnownHosts is the content of a known_hosts file; every host must be in it.
	KnownHosts []byte
	// HostKeyAlias is the name that KnownHosts has the one host by, instead of its
	// address.
	HostKeyAlias string
	// ExtraVarsFiles are YAML or JSON files of variables that win over all others.
	ExtraVarsFiles []string
	// Check only tells what would change; Diff also shows how.
	Check, Diff bool
	// Redactor takes secrets out of the log, and learns PrivateKey. The roles read
	// secrets from environment variables or ExtraVarsFiles.
	Redactor *secret.Redactor
	// Pass are the names of further variables of this process's environment that the
	// playbook reads; "APP_*" is every name that begins with APP_.
	Pass []string
	// Progress says that the run goes on.
	Progress *progress.Progress
	// Log gets Ansible's own output for people as it comes; nil drops it.
	Log io.Writer
}

// Run runs the playbook and returns what it did, also beside an error. A task
// that failed is a *TaskError, a host that could not be reached an
// *UnreachableError. Of the run only the collections of requirements.yml stay on this
// machine, in the user's cache folder; ErrNoCollections says that one is not available.
func Run(ctx context.Context, o Options) (Recap, error) {
	if err := o.check(); err != nil {
		return Recap{}, err
	}
	found, err := collections(ctx, o.Dir, o.Progress)
	if err != nil {
		return Recap{}, err
	}
	files, err := newFiles(o)
	if err != nil {
		return Recap{}, fmt.Errorf("preparing the Ansible run: %w", err)
	}
	defer files.remove()
	files.collections = found
	end := o.Progress.Start("running " + o.Playbook + o.tagsText())
	recap, err := o.run(ctx, files)
	end(err)
	return recap, err
}

func (o Options) tagsText() string {
	if len(o.Tags) == 0 {
		return ""
	}
	return " (" + strings.Join(o.Tags, ", ") + ")"
}

func (o Options) check() error {
	if err := installed(); err != nil {
		return err
	}
	if len(bytes.TrimSpace(o.KnownHosts)) == 0 {
		return progress.Invalid("no known host keys for the Ansible run: give known_hosts, for example made from Terraform's output ssh_host_public_key")
	}
	for what, path := range map[string]string{"playbook": filepath.Join(o.Dir, o.Playbook), "inventory": o.Inventory} {
		if _, err := os.Stat(path); err != nil {
			return progress.Invalid("reading %s: %v", what, err)
		}
	}
	for _, path := range o.ExtraVarsFiles {
		if _, err := os.Stat(path); err != nil {
			return progress.Invalid("reading extra variables: %v", err)
		}
	}
	return nil
}

func installed() error {
	if _, err := program.Find(playbookProgram); err != nil {
		return progress.Invalid("%w: install Ansible (Debian package ansible), or call the stage through Dagger, which brings it", ErrNotInstalled)
	}
	return nil
}

// args are the arguments of ansible-playbook. They have no secret in them.
func (o Options) args() ([]string, error) {
	inventory, err := filepath.Abs(o.Inventory)
	if err != nil {
		return nil, err
	}
	args := []string{"--inventory", inventory}
	if len(o.Tags) > 0 {
		args = append(args, "--tags", strings.Join(o.Tags, ","))
	}
	for _, path := range o.ExtraVarsFiles {
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		args = append(args, "--extra-vars", "@"+full)
	}
	if o.Check {
		args = append(args, "--check")
	}
	if o.Diff {
		args = append(args, "--diff")
	}
	return append(args, o.Playbook), nil
}

func (o Options) run(ctx context.Context, files *files) (Recap, error) {
	args, err := o.args()
	if err != nil {
		return Recap{}, err
	}
	redactor := cmp.Or(o.Redactor, &secret.Redactor{})
	redactor.Add(o.PrivateKey)
	log := redactor.Writer(cmp.Or(o.Log, io.Discard))
	_, err = program.Run(ctx, program.Command{
		Name: playbookProgram, Args: args, Dir: o.Dir, Pass: append(slices.Clip(variables), o.Pass...), Env: files.environment(),
		Merge: true, Log: log, Redactor: redactor,
	})
	err = errors.Join(err, log.Close())
	recap, failure := files.events()
	if failure != nil && ctx.Err() == nil {
		return recap, failure
	}
	if err != nil {
		return recap, fmt.Errorf("running %s: %w", o.Playbook, err)
	}
	return recap, nil
}

// SyntaxCheck reports whether the playbook and its roles can be parsed. It needs no
// host, and a network only where collections of requirements.yml are missing: then it
// installs them, as Run does.
func SyntaxCheck(ctx context.Context, dir, playbook string) error {
	if err := installed(); err != nil {
		return err
	}
	found, err := collections(ctx, dir, nil)
	if err != nil {
		return err
	}
	out, err := program.Run(ctx, program.Command{
		Name: playbookProgram, Args: []string{"--syntax-check", "--inventory", "localhost,", playbook}, Dir: dir,
		Pass: variables, Env: append(found, "ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0", "LC_ALL=C.UTF-8"), Merge: true,
	})
	var failed *program.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("checking %s: %s", filepath.Join(dir, playbook), strings.TrimSpace(out.Said))
	}
	if err != nil {
		return fmt.Errorf("checking %s: %w", filepath.Join(dir, playbook), err)
	}
	return nil
}
