package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"gitops/ci/ansible"
	"gitops/ci/host"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

type configureResult struct {
	Changed int           `json:"changed"`
	Recap   ansible.Recap `json:"recap"`
}

// Human implements result.
func (r configureResult) Human() string { return r.Recap.String() }

type configureFlags struct {
	dir      string
	playbook string
	tags     []string
	vars     []string
	check    bool
}

func (f *configureFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "ansible-dir", "ansible", "folder of the playbook")
	flags.StringVar(&f.playbook, "playbook", "site.yml", "playbook, relative to --ansible-dir")
	flags.StringSliceVar(&f.tags, "tags", nil, "tags to run (default: all)")
	flags.StringSliceVar(&f.vars, "extra-vars-file", nil, "YAML or JSON file of variables, secrets among them (repeatable)")
	flags.BoolVar(&f.check, "check", false, "only tell what would change")
}

func (a *app) configureCommand() *cobra.Command {
	var f configureFlags
	var h hostFlags
	cmd := a.command("configure", "Wait for the host and run the playbook on it",
		func(cmd *cobra.Command, _ []string) (result, error) {
			r, err := a.configure(cmd.Context(), f, h)
			if r.Recap.Hosts == nil {
				return nil, err
			}
			return r, err
		})
	f.add(cmd)
	h.add(cmd.Flags())
	return cmd
}

func (a *app) configure(ctx context.Context, f configureFlags, h hostFlags) (configureResult, error) {
	config, err := h.config()
	if err != nil {
		return configureResult{}, err
	}
	if _, err := os.Stat(filepath.Join(f.dir, f.playbook)); err != nil {
		return configureResult{}, progress.Invalid("finding the playbook: %w", err)
	}
	vars, err := absolute(f.vars)
	if err != nil {
		return configureResult{}, err
	}
	client, err := host.Wait(ctx, config, host.Needs{CloudInit: true, Packages: true}, a.progress)
	if err != nil {
		return configureResult{}, err
	}
	client.Close()
	return a.play(ctx, f, config, vars)
}

func (a *app) play(ctx context.Context, f configureFlags, config host.Config, vars []string) (configureResult, error) {
	dir, err := os.MkdirTemp("", "gitops-inventory-")
	if err != nil {
		return configureResult{}, fmt.Errorf("making a folder for the inventory: %w", err)
	}
	defer os.RemoveAll(dir)
	inventory, err := ansible.WriteInventory(dir, ansible.Target{Address: config.Address, User: config.User})
	if err != nil {
		return configureResult{}, err
	}
	recap, err := ansible.Run(ctx, ansible.Options{
		Dir: f.dir, Playbook: f.playbook, Inventory: inventory, Tags: f.tags, ExtraVarsFiles: vars,
		PrivateKey: config.Key, KnownHosts: config.KnownHosts, Check: f.check, Diff: f.check,
		Secrets: append(knownSecrets(), fileSecrets(vars)...), Progress: a.progress, Log: a.err,
	})
	return configureResult{Changed: recap.Changed(), Recap: recap}, err
}

// absolute makes paths independent of the playbook's folder and checks that they exist.
func absolute(paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		full, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(full)
		}
		if err != nil {
			return nil, progress.Invalid("finding a file of variables: %w", err)
		}
		all = append(all, full)
	}
	return all, nil
}

type provisionResult struct {
	Apply     applyResult     `json:"apply"`
	Configure configureResult `json:"configure"`
}

// Human implements result.
func (r provisionResult) Human() string { return r.Apply.Human() + "\n" + r.Configure.Human() }

func (a *app) provisionCommand() *cobra.Command {
	var apply applyFlags
	var configure configureFlags
	var h hostFlags
	cmd := a.command("provision", "Apply the reviewed plan, then configure the host that it puts out",
		func(cmd *cobra.Command, _ []string) (result, error) {
			if _, err := h.key(); err != nil {
				return nil, err
			}
			return a.provision(cmd.Context(), apply, configure, h)
		})
	apply.add(cmd)
	configure.add(cmd)
	cmd.Flags().StringVar(&h.keyFile, "ssh-key-file", "", "file with the private login key (default: SSH_PRIVATE_KEY in the environment)")
	cmd.Flags().DurationVar(&h.wait, "host-wait", defaultHostWait, "how long to wait until the host is ready")
	return cmd
}

func (a *app) provision(ctx context.Context, apply applyFlags, configure configureFlags, h hostFlags) (result, error) {
	dir, err := os.MkdirTemp("", "gitops-outputs-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the outputs: %w", err)
	}
	defer os.RemoveAll(dir)
	if apply.out == "" {
		apply.out = filepath.Join(dir, "outputs.json")
	}
	applied, err := a.apply(ctx, apply)
	if err != nil {
		return nil, err
	}
	h.outputs = apply.out
	configured, err := a.configure(ctx, configure, h)
	return provisionResult{applied, configured}, err
}

// secretKey matches the names of variables that hold secrets.
var secretKey = regexp.MustCompile(`(?i)password|secret|token|key|credential`)

// fileSecrets returns the secrets in variable files, by the names of their
// variables, so that they are taken out of logs.
func fileSecrets(paths []string) []secret.Value {
	var values []secret.Value
	for _, path := range paths {
		var content any
		data, err := os.ReadFile(path)
		if err == nil && yaml.Unmarshal(data, &content) == nil {
			values = append(values, secretsIn(content, false)...)
		}
	}
	return values
}

// secretsIn collects the texts below secretly named variables.
func secretsIn(value any, secretly bool) []secret.Value {
	var found []secret.Value
	switch v := value.(type) {
	case string:
		if secretly {
			found = append(found, secret.New(v))
		}
	case []any:
		for _, item := range v {
			found = append(found, secretsIn(item, secretly)...)
		}
	case map[string]any:
		for name, item := range v {
			found = append(found, secretsIn(item, secretly || secretKey.MatchString(name))...)
		}
	}
	return found
}
