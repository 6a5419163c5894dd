package infra

import (
	"slices"
	"strings"

	"gitops/ci/program"
)

// variables are those that Terraform and its providers get from here, besides
// Options.Pass. A provider of another cloud needs its own.
var variables = slices.Concat(program.Machine, program.Network, []string{
	"TF_*", "CHECKPOINT_DISABLE", "XDG_DATA_HOME", // settings, variables, tokens of registries; where providers are
	"AWS_*",                                                                                        // the cloud, and the backend S3
	"SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_*", "GIT_SSL_CAINFO", // modules in git repositories
})

// environ returns the environment that Terraform runs in: base, which is in the
// form of os.Environ, without what would change Terraform's arguments or output,
// and with its data under dataDir. A locked Terraform must not touch the
// dependency lock file.
func environ(base []string, dataDir string, locked bool) map[string]string {
	env := map[string]string{}
	for _, entry := range base {
		name, value, _ := strings.Cut(entry, "=")
		if !ours(name) {
			env[name] = value
		}
	}
	env["TF_DATA_DIR"] = dataDir
	env["CHECKPOINT_DISABLE"] = "1"
	if locked {
		env["TF_CLI_ARGS_init"] = "-lockfile=readonly"
	}
	return env
}

// ours reports whether this package, not the caller, decides on the variable.
func ours(name string) bool {
	switch name {
	case "TF_DATA_DIR", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_INPUT":
		return true
	}
	return strings.HasPrefix(name, "TF_CLI_ARGS_")
}
