package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// ProvisionOptions say what to apply and which playbook to run.
type ProvisionOptions struct {
	Apply ApplyOptions `json:"apply"`
	// Configure needs no address: the host is the one that Terraform puts out.
	Configure ConfigureOptions `json:"configure"`
	// Applied is the result of an Apply that ran elsewhere, in the image of its tool.
	// With it Provision only configures.
	Applied *ApplyResult `json:"applied,omitempty"`
}

// ProvisionResult is what both halves did. Configure is nil when apply failed.
type ProvisionResult struct {
	Apply     ApplyResult      `json:"apply"`
	Configure *ConfigureResult `json:"configure,omitempty"`
}

// Provision applies the reviewed plan, then configures the host that Terraform
// puts out.
func Provision(ctx context.Context, o ProvisionOptions) (ProvisionResult, error) {
	if err := o.Configure.Host.checkKey(); err != nil {
		return ProvisionResult{}, err
	}
	if _, err := o.Configure.check(); err != nil {
		return ProvisionResult{}, err
	}
	dir, err := os.MkdirTemp("", "gitops-outputs-")
	if err != nil {
		return ProvisionResult{}, fmt.Errorf("making a folder for the outputs: %w", err)
	}
	defer os.RemoveAll(dir)
	var r ProvisionResult
	if r.Apply, err = o.applied(ctx); err != nil {
		return r, err
	}
	o.Configure.Host.Outputs = filepath.Join(dir, "outputs.json")
	if err := os.WriteFile(o.Configure.Host.Outputs, r.Apply.Outputs, 0o600); err != nil {
		return r, fmt.Errorf("writing Terraform's outputs: %w", err)
	}
	configured, err := Configure(ctx, o.Configure)
	if configured.Recap.Hosts != nil {
		r.Configure = &configured
	}
	if err != nil {
		err = &partly{err} // no exit code may say that nothing was touched
	}
	return r, err
}

func (o ProvisionOptions) applied(ctx context.Context) (ApplyResult, error) {
	if o.Applied != nil {
		return *o.Applied, nil
	}
	return Apply(ctx, o.Apply)
}
