package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// DriftOptions say what is compared with git. The cloud is where there is a directory,
// and the host where there is a manifest.
type DriftOptions struct {
	// Terraform has the directory, and what further ones share.
	Terraform TerraformOptions `json:"terraform"`
	// Dirs are several directories, instead of Terraform's. In Terraform.Backend {dir} is
	// the directory. The outputs of the first name the host.
	Dirs []string `json:"dirs,omitempty"`
	// GitHub is the repository that gets the issue; none when its Repo is empty.
	GitHub GitHubOptions `json:"github"`
	// Fix says what is done about drift in the cloud: FixByPullRequest, or the file of a
	// workflow that is started. Nothing when it is empty.
	Fix string `json:"fix,omitempty"`
	// Branch is the branch that is applied; DefaultBranch when empty.
	Branch string       `json:"branch,omitempty"`
	Host   HostOptions  `json:"host"`
	Place  deploy.Place `json:"place"`
	// Deployed is the folder with the repository as it is on the deployed branch, which
	// Manifests and EnvFiles are relative to; the current directory when empty.
	Deployed string `json:"deployed,omitempty"`
	// Manifests and Profiles are those of DeployOptions, Variables and EnvFiles those of
	// RollOptions. Values are only needed where images hold variables.
	Manifests []string                `json:"manifests"`
	Profiles  []string                `json:"profiles,omitempty"`
	Variables map[string]secret.Value `json:"-"`
	EnvFiles  []string                `json:"env_files,omitempty"`
	Output    Output                  `json:"-"`
}

// DriftResult is how what runs differs from what git says.
type DriftResult struct {
	Drift       string           `json:"drift"` // "none", "cloud", "host" or "both"; "unknown" where a side could not be looked at and the other has none
	Cloud       []string         `json:"cloud"` // addresses of resources, with what differs
	Directories []DirectoryDrift `json:"directories,omitempty"`
	Host        []deploy.Finding `json:"host"`
	Issue       string           `json:"issue,omitempty"` // address of the issue
	Fix         string           `json:"fix,omitempty"`   // address of the pull request, or the workflow that was started
}

// DirectoryDrift is how the cloud differs from one directory.
type DirectoryDrift struct {
	Dir       string          `json:"dir"`
	Workspace string          `json:"workspace"`
	Changes   []infra.Drifted `json:"changes"`
}

// Drift compares the cloud with Terraform and the host's containers with the manifest.
// The host is that of Terraform's outputs where the options name none. It keeps one
// issue about the difference, with a section for each directory, and closes it when
// there is none. A side that cannot be looked at is an error, after the others are told;
// the issue is not closed then. The token needs issues: write.
func Drift(ctx context.Context, o DriftOptions) (DriftResult, error) {
	source, err := o.check(ctx)
	if err != nil {
		return DriftResult{}, err
	}
	var r DriftResult
	outputs, failed := o.cloud(ctx, &r)
	if o.hasHost() {
		if r.Host, err = o.host(ctx, outputs, source); err != nil {
			failed = append(failed, fmt.Errorf("looking for drift on the host: %w", err))
		}
	}
	if r.Drift = driftWord(len(r.Cloud) > 0, len(r.Host) > 0); r.Drift == "none" && len(failed) > 0 {
		r.Drift = "unknown"
	}
	if o.GitHub.Repo != "" && (len(failed) == 0 || r.Drift != "unknown") {
		failed = append(failed, o.tell(ctx, &r, len(failed) > 0))
	}
	return r, errors.Join(failed...)
}

// dirs are the directories that the cloud is compared with.
func (o DriftOptions) dirs() []string {
	if len(o.Dirs) == 0 && o.Terraform.Dir != "" {
		return []string{o.Terraform.Dir}
	}
	return o.Dirs
}

func (o DriftOptions) hasHost() bool { return len(o.Manifests) > 0 }

// check refuses what cannot be compared, before Terraform is started.
func (o DriftOptions) check(ctx context.Context) (source compose.Source, err error) {
	switch {
	case len(o.dirs()) == 0 && !o.hasHost():
		return source, progress.Invalid("looking for drift: there is neither a Terraform directory nor a manifest to compare with: give --terraform-dir or --manifest")
	case o.hasHost() && len(o.dirs()) == 0 && !o.Host.isNamed():
		return source, progress.Invalid("looking for drift on the host: without a Terraform directory nothing says which host: give --host and --host-key")
	case o.Fix != "" && o.GitHub.Repo == "":
		return source, progress.Invalid("--fix needs --github-repo owner/name and GITHUB_TOKEN")
	}
	if err := o.checkBackend(); err != nil {
		return source, err
	}
	if !o.hasHost() {
		return source, nil
	}
	if source, err = o.source(ctx); err != nil {
		return source, err
	}
	return source, o.checkHost()
}

// places are the settings that say where a backend keeps a state.
var places = []string{"key=", "path=", "prefix=", "address="}

// checkBackend refuses one state for several directories, each of which would take what
// the others made for drift.
func (o DriftOptions) checkBackend() error {
	for _, setting := range o.Terraform.Backend {
		isPlace := slices.ContainsFunc(places, func(place string) bool { return strings.HasPrefix(setting, place) })
		if len(o.dirs()) > 1 && isPlace && !strings.Contains(setting, "{dir}") {
			name, _, _ := strings.Cut(setting, "=")
			return progress.Invalid("%d directories would have one state: write {dir} into --backend-config %s=…, which is each one's directory", len(o.dirs()), name)
		}
	}
	return nil
}

// terraform returns the options for one directory.
func (o DriftOptions) terraform(dir string) TerraformOptions {
	t := o.Terraform
	t.Dir, t.Backend = dir, nil
	for _, setting := range o.Terraform.Backend {
		t.Backend = append(t.Backend, strings.ReplaceAll(setting, "{dir}", filepath.ToSlash(filepath.Clean(dir))))
	}
	return t
}

// cloud looks at each directory. It returns the outputs of the first where they are
// needed, and what failed.
func (o DriftOptions) cloud(ctx context.Context, r *DriftResult) (outputs *infra.Outputs, failed []error) {
	for i, dir := range o.dirs() {
		t := o.terraform(dir)
		wanted := i == 0 && o.hasHost() && !o.Host.isNamed()
		found, first, err := t.drift(ctx, wanted, o.Output)
		if err != nil {
			err = o.GitHub.explainLock(ctx, o.Output, err)
			failed = append(failed, fmt.Errorf("looking for drift in the cloud, %s: %w", dir, err))
		}
		if first != nil {
			outputs = first
		}
		if len(found) == 0 {
			continue
		}
		r.Directories = append(r.Directories, DirectoryDrift{Dir: dir, Workspace: t.workspace(), Changes: found})
		for _, one := range found {
			line := one.Address + ": " + whatDrifted(one)
			if len(o.dirs()) > 1 {
				line = dir + ": " + line
			}
			r.Cloud = append(r.Cloud, line)
		}
	}
	return outputs, failed
}

// drift compares the cloud with a directory, and reads its outputs where they are wanted.
func (t TerraformOptions) drift(ctx context.Context, wanted bool, out Output) ([]infra.Drifted, *infra.Outputs, error) {
	workspace, err := t.open(ctx, out)
	if err != nil {
		return nil, nil, err
	}
	defer workspace.Close()
	var read *infra.Outputs
	if wanted {
		outputs, err := workspace.Outputs(ctx)
		if err != nil {
			return nil, nil, err
		}
		read = &outputs
	}
	found, err := workspace.Drift(ctx)
	if err != nil {
		return nil, read, err
	}
	return found.Changes, read, nil
}

// whatDrifted says in a line how a resource differs.
func whatDrifted(d infra.Drifted) string {
	if d.Deleted {
		return "deleted"
	}
	return "changed " + strings.Join(d.Attributes, ", ")
}

// host compares the containers of the host with the manifest.
func (o DriftOptions) host(ctx context.Context, outputs *infra.Outputs, source compose.Source) ([]deploy.Finding, error) {
	var config host.Config
	var err error
	switch {
	case o.Host.isNamed():
		config, err = o.Host.config()
	case outputs == nil:
		err = errors.New("the outputs of Terraform, which name the host, could not be read")
	default:
		config, err = o.Host.login(*outputs)
	}
	if err != nil {
		return nil, err
	}
	return o.running(ctx, config, source)
}

// source returns how the manifest is read, and refuses one that cannot be.
func (o DriftOptions) source(ctx context.Context) (compose.Source, error) {
	source, err := sourceOf(cmp.Or(o.Deployed, "."), o.Manifests, o.Profiles, nil)
	if err != nil {
		return source, err
	}
	if source.Env, err = o.environment(); err != nil {
		return source, err
	}
	source.AnyValue, source.FilesElsewhere = true, true
	_, err = compose.Load(ctx, source)
	return source, err
}

// environment returns the values of variables. A file of secrets may be missing where
// drift is looked for: images that need it are not compared.
func (o DriftOptions) environment() (map[string]secret.Value, error) {
	var files []string
	for _, file := range o.EnvFiles {
		if !filepath.IsAbs(file) {
			file = filepath.Join(o.Deployed, file)
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			o.Output.Progress.Say("warning: the environment file %s is not here: images that need a value of it are not compared", file)
			continue
		}
		files = append(files, file)
	}
	return environment(files, o.Variables, o.Output)
}

func driftWord(cloud, host bool) string {
	switch {
	case cloud && host:
		return "both"
	case cloud:
		return "cloud"
	case host:
		return "host"
	}
	return "none"
}

// checkHost refuses what could not log in, before Terraform is started.
func (o DriftOptions) checkHost() error {
	if !o.Host.isNamed() {
		return o.Host.checkKey()
	}
	_, err := o.Host.config()
	return err
}

func (o DriftOptions) running(ctx context.Context, config host.Config, source compose.Source) ([]deploy.Finding, error) {
	o.Host.tell(o.Output)
	client, err := await(ctx, config, host.Needs{Docker: true}, o.Output)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	drift, err := deploy.Running(ctx, client, o.Place, source)
	return drift.Findings, err
}
