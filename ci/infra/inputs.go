package infra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Input is something that decides or runs without showing in what a plan does.
type Input struct {
	Kind    string // one of the kinds below, or the kind of a Run
	Name    string // which one, such as a path or an address
	Value   string // what may be shown of it
	Content string // what tells it apart from others
	Secret  bool   // Content may be a secret
}

// The kinds of inputs.
const (
	InputConfiguration = "configuration" // a file that Terraform reads by itself
	InputFile          = "file"          // a file that the configuration names
	InputModule        = "module"        // a module that was downloaded
	InputProvider      = "provider"      // a locked provider
	InputWorkspace     = "workspace"
	InputBackend       = "backend"
	InputVariable      = "variable"
	InputEnvironment   = "environment" // a setting of the environment that says which cloud it is
	InputTerraform     = "terraform"   // Terraform's minor version
)

// Inputs are what decides or runs beside a plan.
type Inputs struct {
	Parts []Input
	// Runs are the programs that the configuration starts and the places that it asks, in
	// the order of their addresses.
	Runs []Run
	// Volatile are calls of functions that give another value each time.
	Volatile []Volatile
}

// Inputs reads what decides or runs beside plan, which this workspace made. Files that
// git ignores count: Terraform reads them too.
func (w *Workspace) Inputs(plan *tfjson.Plan) (Inputs, error) {
	modules, err := w.modules()
	if err != nil {
		return Inputs{}, err
	}
	config, err := readConfiguration(w.tf.dir, modules)
	if err != nil {
		return Inputs{}, fmt.Errorf("reading the configuration: %w", err)
	}
	in := Inputs{Runs: config.runs, Volatile: config.volatile}
	files, err := config.files()
	if err != nil {
		return Inputs{}, fmt.Errorf("reading what decides beside the plan: %w", err)
	}
	providers, err := w.providers()
	if err != nil {
		return Inputs{}, err
	}
	backend, err := w.backend()
	if err != nil {
		return Inputs{}, err
	}
	in.Parts = slices.Concat(files, modules.inputs(), providers, backend, variablesOf(plan), w.surroundings(plan), runInputs(config.runs))
	return in, nil
}

// surroundings are the workspace, Terraform's minor version, and where the cloud is.
func (w *Workspace) surroundings(plan *tfjson.Plan) []Input {
	parts := []Input{{Kind: InputWorkspace, Value: cmp.Or(w.name, "default")}}
	if plan != nil {
		parts = append(parts, Input{Kind: InputTerraform, Value: minor(plan.TerraformVersion)})
	}
	for _, entry := range w.tf.environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case value == "":
		case name == "AWS_REGION", name == "AWS_DEFAULT_REGION", strings.HasPrefix(name, "AWS_ENDPOINT_URL"):
			parts = append(parts, Input{Kind: InputEnvironment, Name: name, Value: place(value)})
		case name == "AWS_ROLE_ARN":
			parts = append(parts, Input{Kind: InputEnvironment, Name: "account of AWS_ROLE_ARN", Value: accountOf(value)})
		}
	}
	return parts
}

// minor returns 1.11 of 1.11.4.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// accountOf returns the account number of an ARN.
func accountOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return "none"
	}
	return parts[4]
}

// variablesOf are the values of the root module's variables, as the plan has them.
// An ephemeral variable may differ from plan to apply, so its name alone counts:
// Terraform does not keep its value.
func variablesOf(plan *tfjson.Plan) []Input {
	var parts []Input
	if plan == nil {
		return nil
	}
	for name, variable := range plan.Variables {
		if variable == nil {
			continue
		}
		content, _ := json.Marshal(variable.Value) // it was JSON
		parts = append(parts, Input{Kind: InputVariable, Name: name, Content: string(content), Secret: true})
	}
	if plan.Config == nil || plan.Config.RootModule == nil {
		return parts
	}
	for name := range plan.Config.RootModule.Variables {
		if _, has := plan.Variables[name]; !has {
			parts = append(parts, Input{Kind: InputVariable, Name: name, Value: "no value that is kept"})
		}
	}
	return parts
}

// settingsOfPlace are the settings of a backend that say where a state is. Others may be
// secret, or differ from one machine to another.
var settingsOfPlace = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`bucket key region prefix path workspace_dir workspace_key_prefix address hostname organization
		workspaces container_name storage_account_name resource_group_name subscription_id tenant_id namespace secret_suffix
		schema_name table_name tablename endpoint endpoints scheme datacenter gzip name project`) {
		settingsOfPlace[name] = true
	}
}

// backend is where the state is. It is known before the first apply too.
func (w *Workspace) backend() ([]Input, error) {
	data, err := os.ReadFile(w.tf.data("terraform.tfstate"))
	if os.IsNotExist(err) {
		return []Input{{Kind: InputBackend, Value: "local"}}, nil
	}
	var file struct {
		Backend struct {
			Type   string         `json:"type"`
			Config map[string]any `json:"config"`
		} `json:"backend"`
	}
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the backend's settings: %w", err)
	}
	parts := []Input{{Kind: InputBackend, Value: cmp.Or(file.Backend.Type, "local")}}
	for name, value := range file.Backend.Config {
		if value == nil || !settingsOfPlace[name] {
			continue
		}
		text, isText := value.(string)
		if !isText {
			encoded, _ := json.Marshal(value)
			text = string(encoded)
		}
		parts = append(parts, Input{Kind: InputBackend, Name: name, Value: place(text)})
	}
	return parts, nil
}

// place returns text without the login that an address may have.
func place(text string) string {
	scheme, rest, is := strings.Cut(text, "://")
	if !is {
		return text
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	path, _, _ = strings.Cut(path, "?")
	if path != "" {
		path = "/" + path
	}
	return scheme + "://" + host + path
}
