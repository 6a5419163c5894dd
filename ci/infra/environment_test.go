package infra

import (
	"context"
	"testing"

	"gitops/ci/lab/envtest"
)

func TestTerraformGetsWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct{ pass, want []string }{
		"by itself":        {nil, nil},
		"another provider": {[]string{"GOOGLE_*", "NPM_TOKEN"}, []string{"GOOGLE_CREDENTIALS", "NPM_TOKEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			tool := envtest.New(t, "terraform", "")
			if _, err := Open(context.Background(), Options{Dir: write(t, "main.tf", local), Pass: c.pass}); err == nil {
				t.Error("the program in Terraform's place fails, and Open does not")
			}
			tool.Got(t, append(c.want, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TF_VAR_ssh_host_private_key")...)
		})
	}
}
