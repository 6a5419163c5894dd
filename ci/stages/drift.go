package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/secret"
)

// DriftOptions say what is compared with git.
type DriftOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	// GitHub is the repository that gets the issue; none when its Repo is empty.
	GitHub GitHubOptions `json:"github"`
	Host   HostOptions   `json:"host"`
	Place  deploy.Place  `json:"place"`
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
	Drift string           `json:"drift"` // none, cloud, host, both
	Cloud []string         `json:"cloud"` // addresses of resources
	Host  []deploy.Finding `json:"host"`
	Issue string           `json:"issue,omitempty"` // address of the issue
}

// Drift compares the cloud with Terraform and the host's containers with the
// manifest. The host is that of Terraform's outputs where the options name none. It
// keeps one issue about the difference and closes it when there is none. The token
// needs issues: write.
func Drift(ctx context.Context, o DriftOptions) (DriftResult, error) {
	source, err := o.source(ctx)
	if err != nil {
		return DriftResult{}, err
	}
	if err := o.checkHost(); err != nil {
		return DriftResult{}, err
	}
	workspace, err := o.Terraform.open(ctx, o.Output)
	if err != nil {
		return DriftResult{}, err
	}
	defer workspace.Close()
	config, err := o.login(ctx, workspace)
	if err != nil {
		return DriftResult{}, err
	}
	cloud, err := cloudDrift(ctx, workspace)
	if err != nil {
		return DriftResult{}, fmt.Errorf("looking for drift in the cloud: %w", err)
	}
	running, err := o.running(ctx, config, source)
	if err != nil {
		return DriftResult{}, fmt.Errorf("looking for drift on the host: %w", err)
	}
	r := DriftResult{Drift: driftWord(len(cloud) > 0, len(running) > 0), Cloud: cloud, Host: running}
	if o.GitHub.Repo != "" {
		err = o.tell(ctx, &r)
	}
	return r, err
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

// login returns what it takes to log in to the host.
func (o DriftOptions) login(ctx context.Context, workspace *infra.Workspace) (host.Config, error) {
	if o.Host.isNamed() {
		return o.Host.config()
	}
	outputs, err := workspace.Outputs(ctx)
	if err != nil {
		return host.Config{}, err
	}
	return o.Host.login(outputs)
}

func cloudDrift(ctx context.Context, workspace *infra.Workspace) ([]string, error) {
	drift, err := workspace.Drift(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, d := range drift.Changes {
		what := "changed " + strings.Join(d.Attributes, ", ")
		if d.Deleted {
			what = "deleted"
		}
		found = append(found, d.Address+": "+what)
	}
	return found, nil
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

// driftMarker is the hidden line by which the one issue is found again.
const driftMarker = "<!-- gitops:drift -->"

// tell opens or updates the one issue about drift, or closes it.
func (o DriftOptions) tell(ctx context.Context, r *DriftResult) error {
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return err
	}
	if r.Drift == "none" {
		r.Issue, _, err = client.CloseIssue(ctx, driftMarker, driftMarker+"\n\nThe drift is gone: what runs is what git says.")
		return err
	}
	r.Issue, _, err = client.UpsertIssue(ctx, driftMarker, "Drift: "+r.Drift, r.issue())
	return err
}

// issue returns the issue's text.
func (r DriftResult) issue() string {
	var body strings.Builder
	fmt.Fprintf(&body, "%s\n\nWhat runs differs from what git says (%s).\n", driftMarker, r.Drift)
	section(&body, "Cloud, against Terraform", r.Cloud)
	var containers []string
	for _, finding := range r.Host {
		containers = append(containers, finding.String())
	}
	section(&body, "Host, against the manifest", containers)
	body.WriteString("\nRun `provision` or `deploy` again to make it so, or change git to match.\n")
	return body.String()
}

func section(out *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n### %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(out, "- `%s`\n", strings.ReplaceAll(line, "`", "'"))
	}
}
