package main

import (
	"gitops/.dagger/internal/dagger"
)

// WithAws adds AWS credentials for the stages that run Terraform.
//
// They are static keys, or the temporary ones of an assumed role.
func (m *Gitops) WithAws(
	accessKeyId *dagger.Secret,
	secretAccessKey *dagger.Secret,
	// Token that belongs to temporary credentials.
	// +optional
	sessionToken *dagger.Secret,
	// Region, for the state's backend and the provider.
	// +optional
	region string,
) *Gitops {
	m = m.WithSecret("AWS_ACCESS_KEY_ID", accessKeyId, nil).WithSecret("AWS_SECRET_ACCESS_KEY", secretAccessKey, nil)
	if sessionToken != nil {
		m = m.WithSecret("AWS_SESSION_TOKEN", sessionToken, nil)
	}
	if region != "" {
		m = m.WithVariable("AWS_REGION", region)
	}
	return m
}
