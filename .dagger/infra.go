package main

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"gitops/.dagger/internal/dagger"
)

// Validate checks Terraform, Ansible, the manifest and the workflows.
//
// It looks at formatting and syntax, needs no credentials, and returns what was
// checked.
//
// +check
func (m *Gitops) Validate(
	ctx context.Context,
	// Repository with terraform, ansible, app and .github; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
) (string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	flags := concat([]string{"gitops", "--json", "validate"}, m.Layout.terraformDir(), m.Layout.playbook(), m.Layout.manifest(), optional("--workflows", m.Layout.Workflows))
	var terraform, ansible *dagger.File
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c, err := m.terraform(both, source, "validate")
		terraform, err = checked(both, c, err, concat(flags, []string{"--only", "terraform"}))
		return err
	})
	group.Go(func() (err error) {
		c, err := m.ansible(both, source, "validate")
		ansible, err = checked(both, c, err, concat(flags, []string{"--only", "ansible"}))
		return err
	})
	if err := group.Wait(); err != nil {
		return "", err
	}
	c, err := m.on(ctx, m.GitImage, source, "validate")
	if err != nil {
		return "", err
	}
	return c.WithFile("/gitops/terraform.json", terraform).
		WithFile("/gitops/ansible.json", ansible).
		WithExec(concat(flags, []string{"--only", "manifest,workflows", "--checked", "/gitops/terraform.json", "--checked", "/gitops/ansible.json"})).
		Stdout(ctx)
}

// checked runs checks in c and returns the file of their result.
func checked(ctx context.Context, c *dagger.Container, err error, args []string) (*dagger.File, error) {
	if err != nil {
		return nil, err
	}
	return c.WithExec(args, dagger.ContainerWithExecOpts{RedirectStdout: "/checks.json"}).File("/checks.json").Sync(ctx)
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
	ctx context.Context,
	// Repository with the folder terraform; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
) (*dagger.Directory, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return nil, err
	}
	c, err := m.terraform(ctx, source, "plan")
	if err != nil {
		return nil, err
	}
	c = c.WithEnvVariable("GITOPS_CALL", now()).
		WithExec(concat([]string{"gitops", "--json", "plan", "--out", "/plan"}, m.terraformFlags()),
			// A failed plan is a result too: review tells it on the pull request.
			dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny})
	return c.Directory("/plan"), nil
}

// Cost estimates what a planned change costs a month.
//
// It returns Infracost's JSON, or a file that says why there is none.
//
// +cache="never"
func (m *Gitops) Cost(
	ctx context.Context,
	// The plan.json of a plan.
	plan *dagger.File,
	// Key of Infracost's price service.
	// +optional
	apiKey *dagger.Secret,
	// Fail where there is no estimate.
	// +optional
	require bool,
) (*dagger.File, error) {
	apiKey, err := orDefault(ctx, apiKey, m.Defaults.InfracostApiKey)
	if err != nil {
		return nil, fmt.Errorf("reading Infracost's key: %w", err)
	}
	// Without a key there is nothing to ask: the answer, with its reason, needs no
	// infracost.
	image := m.GitImage
	if apiKey != nil {
		image = m.InfracostImage
	}
	c, err := m.container(ctx, image, "cost")
	if err != nil {
		return nil, err
	}
	if apiKey != nil {
		c = c.WithSecretVariable("INFRACOST_API_KEY", apiKey)
	}
	c = c.WithFile("/plan/plan.json", plan)
	args := []string{"cost", "--plan", "/plan/plan.json", "--out", "/plan/cost.json"}
	if require {
		args = append(args, "--require-cost")
	}
	return effect(c, args...).File("/plan/cost.json"), nil
}

// planFiles are what review reads of a plan's folder: not tfplan, which holds secrets,
// and nothing else that a pull request left there.
var planFiles = []string{"plan.json", "plan.txt", "effects.json", "result.json", "error.txt"}

// Review writes plan and cost into the one comment of a pull request.
//
// It updates the comment in place, and needs a token with pull-requests: write. A
// failed plan is written there too and fails the stage. With plan it runs no Terraform
// and nothing of the repository that the plan is of.
//
// +cache="never"
func (m *Gitops) Review(
	ctx context.Context,
	// Repository with the folder terraform; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// Folder of a plan, as the function plan returns it; tfplan is not needed.
	// +optional
	plan *dagger.Directory,
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
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	if plan == nil {
		if plan, err = m.Plan(ctx, source, nil); err != nil {
			return "", err
		}
	}
	c, err := m.on(ctx, m.GitImage, source, "review")
	if err != nil {
		return "", err
	}
	args := concat([]string{"review", "--plan-dir", "/plan", "--pull-request", strconv.Itoa(pullRequest), "--commit", commit},
		m.Layout.terraformDir(), given("--require-cost", requireCost), m.Github.runFlag())
	if c, err = m.Github.withReviewKey(ctx, c); err != nil {
		return "", err
	}
	c, args, err = m.onGithub(ctx, c.WithDirectory("/plan", plan, dagger.ContainerWithDirectoryOpts{Include: planFiles}), args...)
	if err != nil {
		return "", err
	}
	planned, err := plan.Exists(ctx, "plan.json")
	if err != nil {
		return "", err
	}
	if planned {
		cost, err := m.Cost(ctx, plan.File("plan.json"), infracostApiKey, false)
		if err != nil {
			return "", err
		}
		c = c.WithFile("/cost.json", cost)
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
	// Repository with the folder terraform; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
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
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	c, err := m.terraform(ctx, source, "apply")
	if err != nil {
		return "", err
	}
	if c, err = m.Github.withReviewKey(ctx, c); err != nil {
		return "", err
	}
	c, args, err := m.onGithub(ctx, c, "apply")
	if err != nil {
		return "", err
	}
	args = concat(args, m.terraformFlags(), m.Github.runFlag(), optional("--reviewed", reviewed), optional("--commit", commit), given("--accept-unreviewed", acceptUnreviewed))
	return effect(c, args...).Stdout(ctx)
}

// Outputs reads Terraform's outputs from the state, for with-host.
//
// +cache="never"
func (m *Gitops) Outputs(
	ctx context.Context,
	// Repository with the folder terraform; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
) (*dagger.File, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return nil, err
	}
	c, err := m.terraform(ctx, source, "outputs")
	if err != nil {
		return nil, err
	}
	return effect(c, concat([]string{"outputs", "--out", "/outputs.json"}, m.terraformFlags())...).File("/outputs.json"), nil
}

// UnlockState removes a lock of Terraform's state that was left behind.
//
// +cache="never"
func (m *Gitops) UnlockState(
	ctx context.Context,
	// Repository with the folder terraform; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// ID of the lock, which the error about it names. A lock with another ID stays.
	lock string,
) (string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	c, err := m.terraform(ctx, source, "outputs")
	if err != nil {
		return "", err
	}
	return effect(c, concat([]string{"unlock-state", "--lock", lock}, m.terraformFlags())...).Stdout(ctx)
}
