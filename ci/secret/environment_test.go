package secret_test

import (
	"slices"
	"testing"

	"gitops/ci/secret"
)

const publicPEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZI\n-----END PUBLIC KEY-----\n"

func TestInEnvironment(t *testing.T) {
	for entry, want := range map[string][]string{
		// By name.
		"AWS_SECRET_ACCESS_KEY=planted":          {"planted"},
		"AWS_ACCESS_KEY_ID=AKIAplanted":          {"AKIAplanted"},
		"GITHUB_TOKEN=planted":                   {"planted"},
		"PGPASSWORD=planted":                     {"planted"},
		"SMTP_PASS=planted":                      {"planted"},
		"INFRACOST_API_KEY=planted":              {"planted"},
		"SSH_PRIVATE_KEY=planted":                {"planted"},
		"TF_TOKEN_app_terraform_io=planted":      {"planted"},
		"COSIGN_PASSWORD=planted":                {"planted"},
		"my_client_secret=a=b":                   {"a=b"},
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=planted": {"planted"},
		`API_TOKENS=["one-token","two-token"]`:   {`["one-token","two-token"]`, "one-token", "two-token"},
		`REGISTRY_AUTH={"auths":{"ghcr.io":{"username":"robot-user","auth":"cGxhbnRlZA==","password":"pl\u0061nted"}}}`: {
			`{"auths":{"ghcr.io":{"username":"robot-user","auth":"cGxhbnRlZA==","password":"pl\u0061nted"}}}`, "cGxhbnRlZA==", "planted"},
		// Not by name.
		"PWD=/home/user":                             nil,
		"OLDPWD=/home/user":                          nil,
		"AWS_REGION=eu-central-1":                    nil,
		"SSH_AUTH_SOCK=/tmp/agent":                   nil,
		"ACTIONS_ID_TOKEN_REQUEST_URL=https://x/y":   nil,
		"COSIGN_PUBLIC_KEY=" + publicPEM:             nil,
		"AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token": nil,
		"GITHUB_ACTOR=someone-else":                  nil,
		"no equals sign":                             nil,
		// Passwords of addresses.
		"HTTPS_PROXY=http://user:p%40ss-word@proxy:3128": {"p%40ss-word", "p@ss-word"},
		"DATABASE_URL=postgres://app@db/shop":            nil,
		// Terraform's variables.
		"TF_VAR_api_token=sk_live_51Habcdef0123456789": {"sk_live_51Habcdef0123456789"},
		"TF_VAR_anything=planted-secret-1":             {"planted-secret-1"},
		"TF_VAR_pin=abc1234":                           {"abc1234"},
		"TF_VAR_phrase=correct horse":                  {"correct horse"},
		"TF_VAR_db_password=dragon":                    {"dragon"},
		"TF_VAR_ssh_host_private_key=-----BEGIN OPENSSH PRIVATE KEY-----\nplanted\n-----END OPENSSH PRIVATE KEY-----\n": {
			"-----BEGIN OPENSSH PRIVATE KEY-----\nplanted\n-----END OPENSSH PRIVATE KEY-----\n"},
		"TF_VAR_region=eu-central-1":                                   nil,
		"TF_VAR_zone=us-gov-west-1a":                                   nil,
		"TF_VAR_name=gitops":                                           nil,
		"TF_VAR_instance_type=t3.micro":                                nil,
		"TF_VAR_machine=m7i-flex.24xlarge":                             nil,
		"TF_VAR_ami_id=ami-0123456789abcdef0":                          nil,
		"TF_VAR_root_volume_size=20":                                   nil,
		"TF_VAR_ratio=-0.25":                                           nil,
		"TF_VAR_ssh_open_to_world=true":                                nil,
		"TF_VAR_ami=null":                                              nil,
		"TF_VAR_vpc_cidr=10.20.0.0/16":                                 nil,
		"TF_VAR_address=2001:db8::1":                                   nil,
		`TF_VAR_ssh_cidrs=["198.51.100.0/24", "10.0.0.1/32"]`:          nil,
		"TF_VAR_ssh_public_key=ssh-ed25519 AAAAC3NzaC1lZDI1 me@laptop": nil,
		"TF_VAR_ca_secret=" + publicPEM + publicPEM:                    nil,
		`TF_VAR_tags={"team":"core","cost_center":"shop-47110815"}`:    {"shop-47110815"},
		`TF_VAR_db={ user = "app", password = "dragon", port = 5432 }`: {"dragon"},
		`TF_VAR_tokens=["dragon"]`:                                     {`["dragon"]`, "dragon"},
	} {
		if got := reveal(secret.InEnvironment([]string{"HOME=/root", entry})); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", entry, got, want)
		}
	}
}

func TestNamesDecideBeforeValues(t *testing.T) {
	got := reveal(secret.InEnvironment([]string{
		"GITOPS_SECRETS=FOO, TF_VAR_region", "GITOPS_PUBLIC=TF_VAR_name,GITHUB_TOKEN FOO",
		"FOO=planted", "TF_VAR_region=eu-central-1", "TF_VAR_name=shop-production", "GITHUB_TOKEN=shown", "TF_VAR_other=hidden by rule",
	}))
	if want := []string{"planted", "eu-central-1", "hidden by rule"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
