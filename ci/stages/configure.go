package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"

	"gitops/ci/ansible"
	"gitops/ci/host"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// ConfigureOptions say which playbook runs on which host.
type ConfigureOptions struct {
	// Dir is the folder of the playbook, and Playbook its path there.
	Dir      string `json:"dir"`
	Playbook string `json:"playbook"`
	// Tags limits the run; none is everything.
	Tags []string `json:"tags,omitempty"`
	// VarsFiles are YAML or JSON files of variables, secrets among them.
	VarsFiles []string `json:"vars_files,omitempty"`
	// Check only tells what would change.
	Check bool `json:"check,omitempty"`
	// Pass are the names of variables that Ansible gets besides ANSIBLE_* and the like;
	// NAME_* is every name that begins so.
	Pass   []string    `json:"pass,omitempty"`
	Host   HostOptions `json:"host"`
	Output Output      `json:"-"`
}

// ConfigureResult is what the playbook did.
type ConfigureResult struct {
	Changed int           `json:"changed"`
	Recap   ansible.Recap `json:"recap"`
}

// Configure waits for the host and runs the playbook on it. Where a jump host is on
// the way, Ansible goes through the connection of this process.
func Configure(ctx context.Context, o ConfigureOptions) (ConfigureResult, error) {
	config, err := o.Host.config()
	if err != nil {
		return ConfigureResult{}, err
	}
	if o.VarsFiles, err = o.check(); err != nil {
		return ConfigureResult{}, err
	}
	o.Output.Redactor.Add(fileSecrets(o.VarsFiles)...)
	o.Host.tell(o.Output)
	client, err := await(ctx, config, host.Needs{CloudInit: true, Packages: true}, o.Output)
	if err != nil {
		return ConfigureResult{}, err
	}
	defer client.Close()
	if config.Jump == nil {
		return o.play(ctx, config)
	}
	tunnel, err := client.Tunnel(ctx)
	if err != nil {
		return ConfigureResult{}, err
	}
	defer tunnel.Close()
	config.Address, config.HostKeyAlias = tunnel.Address, client.KnownAs()
	return o.play(ctx, config)
}

// check finds the playbook and returns the variable files by absolute paths: the
// playbook runs in its own folder.
func (o ConfigureOptions) check() ([]string, error) {
	if _, err := os.Stat(filepath.Join(o.Dir, o.Playbook)); err != nil {
		return nil, progress.Invalid("finding the playbook: %w", err)
	}
	var all []string
	for _, path := range o.VarsFiles {
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

func (o ConfigureOptions) play(ctx context.Context, config host.Config) (ConfigureResult, error) {
	dir, err := os.MkdirTemp("", "gitops-inventory-")
	if err != nil {
		return ConfigureResult{}, fmt.Errorf("making a folder for the inventory: %w", err)
	}
	defer os.RemoveAll(dir)
	inventory, err := ansible.WriteInventory(dir, ansible.Target{Address: config.Address, User: config.User})
	if err != nil {
		return ConfigureResult{}, err
	}
	recap, err := ansible.Run(ctx, ansible.Options{
		Dir: o.Dir, Playbook: o.Playbook, Inventory: inventory, Tags: o.Tags, ExtraVarsFiles: o.VarsFiles,
		PrivateKey: config.Key, Certificate: config.Certificate, KnownHosts: config.KnownHosts, HostKeyAlias: config.HostKeyAlias, Check: o.Check, Diff: o.Check, Pass: o.Pass,
		Redactor: o.Output.Redactor, Progress: o.Output.Progress, Log: o.Output.Log,
	})
	if recap.Hosts == nil {
		return ConfigureResult{}, err
	}
	return ConfigureResult{Changed: recap.Changed(), Recap: recap}, err
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
