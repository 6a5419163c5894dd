package stages

import (
	"context"
	"fmt"
	"os"

	"gitops/ci/infra"
)

// OutputsOptions say whose outputs are read.
type OutputsOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	// Out is a file for the outputs as JSON.
	Out    string `json:"out,omitempty"`
	Output Output `json:"-"`
}

// OutputsResult is what Terraform tells the later stages about the host.
type OutputsResult struct{ infra.Outputs }

// MarshalJSON returns Terraform's own form, sensitive values masked.
func (r OutputsResult) MarshalJSON() ([]byte, error) { return r.Raw, nil }

// Outputs reads Terraform's outputs from the state.
func Outputs(ctx context.Context, o OutputsOptions) (OutputsResult, error) {
	workspace, err := o.Terraform.open(ctx, o.Output)
	if err != nil {
		return OutputsResult{}, err
	}
	defer workspace.Close()
	outputs, err := writeOutputs(ctx, workspace, o.Out)
	if err != nil {
		return OutputsResult{}, err
	}
	return OutputsResult{outputs}, nil
}

// writeOutputs reads the outputs and writes them to file, if there is one.
func writeOutputs(ctx context.Context, workspace *infra.Workspace, file string) (infra.Outputs, error) {
	outputs, err := workspace.Outputs(ctx)
	if err != nil || file == "" {
		return outputs, err
	}
	if err := os.WriteFile(file, outputs.Raw, 0o600); err != nil {
		return outputs, fmt.Errorf("writing Terraform's outputs: %w", err)
	}
	return outputs, nil
}
