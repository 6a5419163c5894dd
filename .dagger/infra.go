package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"gitops/.dagger/internal/dagger"
)

// Validate checks Terraform, Ansible, the manifest and the workflows.
//
// It looks at formatting and syntax, needs no credentials, and returns what was
// checked.
func (m *Gitops) Validate(
	ctx context.Context,
	// Repository with terraform, ansible, app and .github.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
) (string, error) {
	var terraform, ansible string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		terraform, err = m.terraform(source).
			WithExec([]string{"gitops", "--json", "validate", "--only", "terraform,manifest,workflows"}).Stdout(ctx)
		return err
	})
	group.Go(func() (err error) {
		ansible, err = m.on(m.AnsibleImage, source).
			WithExec([]string{"gitops", "--json", "validate", "--only", "ansible"}).Stdout(ctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return "", err
	}
	return joinChecks(terraform, ansible)
}

// joinChecks joins the results of two validate runs into one.
func joinChecks(results ...string) (string, error) {
	var joined struct {
		Checks []json.RawMessage `json:"checks"`
	}
	for _, result := range results {
		var one struct {
			Checks []json.RawMessage `json:"checks"`
		}
		if err := json.Unmarshal([]byte(result), &one); err != nil {
			return "", fmt.Errorf("reading the result of validate: %w", err)
		}
		joined.Checks = append(joined.Checks, one.Checks...)
	}
	out, err := json.MarshalIndent(joined, "", "  ")
	return string(out), err
}

// Plan plans the infrastructure and returns a folder with the plan.
//
// The folder has tfplan, which holds secrets; plan.json with sensitive values
// masked; plan.txt; result.json with the fingerprint; or error.txt when there is
// no plan.
//
// +cache="never"
func (m *Gitops) Plan(
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
) *dagger.Directory {
	c := m.terraform(source).
		WithEnvVariable("GITOPS_CALL", now()).
		WithExec(concat([]string{"gitops", "--json", "plan", "--out", "/plan"}, m.backend()),
			// A failed plan is a result too: review tells it on the pull request.
			dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny})
	return c.Directory("/plan")
}

// Cost estimates what a planned change costs a month.
//
// It returns Infracost's JSON, or a file that says why there is none.
//
// +cache="never"
func (m *Gitops) Cost(
	// The plan.json of a plan.
	plan *dagger.File,
	// Key of Infracost's price service.
	// +optional
	apiKey *dagger.Secret,
	// Fail where there is no estimate.
	// +optional
	require bool,
) *dagger.File {
	// Without a key there is nothing to ask: the answer, with its reason, needs no
	// infracost.
	c := m.container(m.GitImage)
	if apiKey != nil {
		c = m.container(m.InfracostImage).WithSecretVariable("INFRACOST_API_KEY", apiKey)
	}
	c = c.WithFile("/plan/plan.json", plan)
	args := []string{"cost", "--plan", "/plan/plan.json", "--out", "/plan/cost.json"}
	if require {
		args = append(args, "--require-cost")
	}
	return effect(c, args...).File("/plan/cost.json")
}

// Review writes plan and cost into the one comment of a pull request.
//
// It updates the comment in place, and needs with-github. A failed plan is
// written there too and fails the stage.
//
// +cache="never"
func (m *Gitops) Review(
	ctx context.Context,
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Number of the pull request.
	pullRequest int,
	// Full SHA of the pull request's head.
	commit string,
	// Key of Infracost's price service.
	// +optional
	infracostApiKey *dagger.Secret,
) (string, error) {
	plan := m.Plan(source)
	c, args := m.onGithub(m.container(m.GitImage).WithDirectory("/plan", plan),
		"review", "--plan-dir", "/plan", "--pull-request", strconv.Itoa(pullRequest), "--commit", commit)
	planned, err := plan.Glob(ctx, "plan.json")
	if err != nil {
		return "", err
	}
	if len(planned) > 0 {
		c = c.WithFile("/cost.json", m.Cost(plan.File("plan.json"), infracostApiKey, false))
		args = append(args, "--cost", "/cost.json")
	}
	return effect(c, args...).Stdout(ctx)
}

// Apply plans again and applies that plan if it is the reviewed one.
//
// Otherwise it refuses with the difference. It returns what was done and
// Terraform's outputs.
//
// +cache="never"
func (m *Gitops) Apply(
	ctx context.Context,
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Fingerprint that was reviewed, instead of looking it up on GitHub.
	// +optional
	reviewed string,
	// Full SHA of the merged commit, by which the pull request is found.
	// +optional
	commit string,
	// Apply although nobody reviewed the plan.
	// +optional
	acceptUnreviewed bool,
) (string, error) {
	c, args := m.onGithub(m.terraform(source), "apply")
	args = concat(args, m.backend(), optional("--reviewed", reviewed), optional("--commit", commit))
	if acceptUnreviewed {
		args = append(args, "--accept-unreviewed")
	}
	return effect(c, args...).Stdout(ctx)
}

// Configure waits for the host and runs the playbook on it.
//
// It needs with-host, and returns what changed.
//
// +cache="never"
func (m *Gitops) Configure(
	ctx context.Context,
	// Repository with the folder ansible.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Tags of the playbook to run.
	// +optional
	tags []string,
	// YAML file of variables for the playbook, secrets among them.
	// +optional
	extraVars *dagger.Secret,
) (string, error) {
	c, args, err := m.onHost(m.on(m.AnsibleImage, source), "configure")
	if err != nil {
		return "", err
	}
	for _, tag := range tags {
		args = append(args, "--tags", tag)
	}
	if extraVars != nil {
		c = c.WithMountedSecret("/gitops/extra-vars.yml", extraVars)
		args = append(args, "--extra-vars-file", "/gitops/extra-vars.yml")
	}
	return effect(c, args...).Stdout(ctx)
}

// Provision applies the reviewed plan, then configures the host.
//
// The host is the one that Terraform puts out; the login key is that of with-host.
//
// +cache="never"
func (m *Gitops) Provision(
	ctx context.Context,
	// Repository with the folders terraform and ansible.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Fingerprint that was reviewed, instead of looking it up on GitHub.
	// +optional
	reviewed string,
	// Full SHA of the merged commit, by which the pull request is found.
	// +optional
	commit string,
	// Apply although nobody reviewed the plan.
	// +optional
	acceptUnreviewed bool,
	// Tags of the playbook to run.
	// +optional
	tags []string,
	// YAML file of variables for the playbook, secrets among them.
	// +optional
	extraVars *dagger.Secret,
) (string, error) {
	if m.Host == nil {
		return "", errNoHost
	}
	applied, err := m.Apply(ctx, source, reviewed, commit, acceptUnreviewed)
	if err != nil {
		return "", err
	}
	var result struct {
		Outputs json.RawMessage `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(applied), &result); err != nil {
		return "", fmt.Errorf("reading the result of apply: %w", err)
	}
	outputs := dag.Directory().WithNewFile("outputs.json", string(result.Outputs)).File("outputs.json")
	configured, err := m.WithHost(m.Host.SSHKey, outputs, "", "", "").Configure(ctx, source, tags, extraVars)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("{\"apply\": %s, \"configure\": %s}", applied, configured), nil
}
