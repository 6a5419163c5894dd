package main

import (
	"context"
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
	flags := concat([]string{"gitops", "--json", "validate"}, m.Layout.terraformDir(), m.Layout.playbook(), m.Layout.manifest(), optional("--workflows", m.Layout.Workflows))
	check := func(c *dagger.Container, only string) *dagger.File {
		return c.WithExec(concat(flags, []string{"--only", only}), dagger.ContainerWithExecOpts{RedirectStdout: "/checks.json"}).File("/checks.json")
	}
	terraform := check(m.terraform(source, "validate"), "terraform")
	ansible := check(m.ansible(source, "validate"), "ansible")
	group, both := errgroup.WithContext(ctx)
	for _, file := range []*dagger.File{terraform, ansible} {
		group.Go(func() error {
			_, err := file.Sync(both)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	return m.on(m.GitImage, source, "validate").
		WithFile("/gitops/terraform.json", terraform).
		WithFile("/gitops/ansible.json", ansible).
		WithExec(concat(flags, []string{"--only", "manifest,workflows", "--before", "/gitops/terraform.json", "--before", "/gitops/ansible.json"})).
		Stdout(ctx)
}

// Plan plans the infrastructure and returns a folder with the plan.
//
// The folder has tfplan, which holds secrets; plan.json and plan.txt without
// sensitive values and known secrets; effects.json, hashes of what would be done, for
// apply to compare; result.json with the fingerprint; or error.txt when there is no
// plan.
//
// +cache="never"
func (m *Gitops) Plan(
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
) *dagger.Directory {
	c := m.terraform(source, "plan").
		WithEnvVariable("GITOPS_CALL", now()).
		WithExec(concat([]string{"gitops", "--json", "plan", "--out", "/plan"}, m.terraformFlags()),
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
	c := m.container(m.GitImage, "cost")
	if apiKey != nil {
		c = m.container(m.InfracostImage, "cost").WithSecretVariable("INFRACOST_API_KEY", apiKey)
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
	// Fail where there is no estimate, after the comment is written.
	// +optional
	requireCost bool,
) (string, error) {
	plan := m.Plan(source)
	args := concat([]string{"review", "--plan-dir", "/plan", "--pull-request", strconv.Itoa(pullRequest), "--commit", commit}, m.Layout.terraformDir())
	if requireCost {
		args = append(args, "--require-cost")
	}
	c, args := m.onGithub(m.container(m.GitImage, "review").WithDirectory("/plan", plan, dagger.ContainerWithDirectoryOpts{Exclude: []string{"tfplan"}}), args...)
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
	c, args := m.onGithub(m.terraform(source, "apply"), "apply")
	args = concat(args, m.terraformFlags(), optional("--reviewed", reviewed), optional("--commit", commit))
	if acceptUnreviewed {
		args = append(args, "--accept-unreviewed")
	}
	return effect(c, args...).Stdout(ctx)
}

// Outputs reads Terraform's outputs from the state, for with-host.
//
// +cache="never"
func (m *Gitops) Outputs(
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
) *dagger.File {
	return effect(m.terraform(source, "outputs"), concat([]string{"outputs", "--out", "/outputs.json"}, m.terraformFlags())...).
		File("/outputs.json")
}
