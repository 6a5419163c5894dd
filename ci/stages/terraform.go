package stages

import (
	"context"
	"time"

	"gitops/ci/infra"
	"gitops/ci/secret"
)

// TerraformOptions say which Terraform configuration a stage works on.
type TerraformOptions struct {
	// Dir is the folder of the root module.
	Dir string `json:"dir"`
	// Backend has settings of the state's backend, key=value, and paths of files.
	Backend []string `json:"backend,omitempty"`
	// Workspace is selected before anything is done; "default" when empty.
	Workspace string `json:"workspace,omitempty"`
	// VarFiles are files of variables.
	VarFiles []string `json:"var_files,omitempty"`
	// LockTimeout is how long to wait for the state's lock.
	LockTimeout time.Duration `json:"lock_timeout,omitempty"`
	// Pass are the names of variables that Terraform gets besides AWS_*, TF_* and the
	// like; NAME_* is every name that begins so.
	Pass []string `json:"pass,omitempty"`
	// ReviewKey is the repository's secret that reviews are signed with.
	ReviewKey secret.Value `json:"-"`
}

func (t TerraformOptions) open(ctx context.Context, out Output) (*infra.Workspace, error) {
	return infra.Open(ctx, infra.Options{
		Dir: t.Dir, BackendConfig: t.Backend, Workspace: t.Workspace, VarFiles: t.VarFiles, LockTimeout: t.LockTimeout, Pass: t.Pass,
		Progress: out.Progress, Redactor: out.Redactor,
	})
}

// workspace returns the name of the workspace that the options select.
func (t TerraformOptions) workspace() string {
	if t.Workspace == "" {
		return "default"
	}
	return t.Workspace
}
