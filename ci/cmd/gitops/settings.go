package main

import (
	"cmp"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"gitops/ci/progress"
	"gitops/ci/settings"
)

// flagOf names the flag that a setting is the value of, where it is not given. A
// command that does not have the flag does not use the setting.
var flagOf = map[string]string{
	"manifest":                    "manifest",
	"workflows":                   "workflows",
	"plain_http":                  "plain-http-host",
	"terraform.dir":               "terraform-dir",
	"terraform.workspace":         "workspace",
	"terraform.var_files":         "var-file",
	"terraform.lock_timeout":      "lock-timeout",
	"terraform.backend":           "backend-config",
	"ansible.dir":                 "ansible-dir",
	"ansible.playbook":            "playbook",
	"ansible.tags":                "tags",
	"host.address":                "host",
	"host.key":                    "host-key",
	"host.user":                   "ssh-user",
	"host.known_hosts":            "known-hosts",
	"host.jump":                   "jump",
	"host.jump_keys":              "jump-host-key",
	"host.wait":                   "host-wait",
	"host.dir":                    "deploy-dir",
	"host.project":                "project",
	"hosts":                       "host",
	"terraform.branch":            "infra-branch",
	"review.require_approval":     "require-approval",
	"review.author":               "review-author",
	"review.require_cost":         "require-cost",
	"review.policy.no_destroy":    "no-destroy",
	"review.policy.allow_label":   "allow-label",
	"review.policy.max_cost":      "max-cost",
	"review.policy.cost_approval": "cost-approval",
	"release.branch":              "branch",
	"release.platforms":           "default-platform",
	"release.build_args":          "build-arg",
	"release.values":              "values",
	"release.no_pin":              "no-pin",
	"robot.name":                  "author-name",
	"robot.email":                 "author-email",
	"robot.message":               "message",
	"robot.trailers":              "trailer",
	"robot.propose":               "propose",
	"deploy.gate_timeout":         "gate-timeout",
	"deploy.lock_wait":            "lock-wait",
	"deploy.keep":                 "keep",
	"deploy.drain":                "drain",
	"deploy.watch":                "watch",
	"deploy.probes":               "probe",
	"deploy.before":               "before",
	"deploy.env_file":             "env-file",
	"deploy.profiles":             "profile",
	"deploy.data":                 "data",
	"deploy.rename":               "rename",
	"deploy.engine":               "engine",
	"deploy.parallel":             "parallel",
	"deploy.verify_key":           "verify-key",
	"deploy.verify_identity":      "verify-identity",
	"deploy.verify_issuer":        "verify-issuer",
	"deploy.verify_services":      "verify-service",
}

// insteadOf names flags that a flag excludes: what is given of them wins over the
// setting of the other.
var insteadOf = map[string][]string{
	"host":            {"outputs"},
	"host-key":        {"outputs", "host"},
	"ssh-user":        {"outputs", "host"},
	"verify-key":      {"verify-identity"},
	"verify-identity": {"verify-key"},
	"verify-issuer":   {"verify-key"},
	"no-pin":          {"pin"},
}

// adds names flags to whose given values those of the setting are added, before them:
// of two settings of a backend with one name Terraform takes the later, and of two
// values of a variable a deploy does.
var adds = []string{"backend-config", "env-file"}

// addBefore puts values before those of a flag that was given.
func addBefore(f *pflag.Flag, values []string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return nil
	}
	return list.Replace(append(slices.Clone(values), list.GetSlice()...))
}

// configure gives the flags that were not given the values of the settings.
func configure(flags *pflag.FlagSet, file string) error {
	if flags.Changed("config") {
		if _, err := os.Stat(file); err != nil {
			return progress.Invalid("--config: %w", err)
		}
	}
	s, err := settings.Read(file)
	if err != nil {
		return err
	}
	if s.Values("hosts") != nil && s.Values("host.address") != nil {
		return progress.Invalid("%s: hosts and host.address both name servers: keep one of them", s.File())
	}
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for setting, name := range flagOf {
		values := s.Values(setting)
		if slices.Contains(adds, name) && given[name] && flags.Lookup(name) != nil {
			if err := addBefore(flags.Lookup(name), values); err != nil {
				return progress.Invalid("%s: %s: %w", s.File(), setting, err)
			}
		}
		wins := given[name] || slices.ContainsFunc(insteadOf[name], func(other string) bool { return given[other] })
		if flags.Lookup(name) == nil || wins {
			continue
		}
		for _, value := range values {
			if err := flags.Set(name, value); err != nil {
				return progress.Invalid("%s: %s: %w", s.File(), setting, err)
			}
		}
	}
	if region := s.Values("aws.region"); region != nil {
		return os.Setenv("AWS_REGION", cmp.Or(os.Getenv("AWS_REGION"), region[0]))
	}
	return nil
}
