package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/lab/daggermodule"
	"gitops/ci/lab/golden"
)

// elsewhere says by which function and argument of the module a flag is given, where
// that is not the argument of the same name. A key may name the command too.
var elsewhere = map[string]string{
	"ansible-dir":          "with-layout --ansible",
	"author-email":         "with-robot --email",
	"author-name":          "with-robot --name",
	"backend-config":       "with-backend-config --setting",
	"branch":               "release --branch",
	"build-arg":            "publish --build-args",
	"probe":                "deploy --probes",
	"profile":              "deploy --profiles",
	"bump commit":          "release --commit",
	"bump manifest":        "release --manifest-path",
	"deploy-dir":           "with-host --dir",
	"env-file":             "deploy --variables",
	"extra-vars-file":      "configure --extra-vars",
	"fulcio-url":           "with-signing-identity --fulcio-url",
	"git-known-hosts-file": "with-robot --known-hosts",
	"git-ssh-key-file":     "with-robot --ssh-key",
	"github-repo":          "with-github --repo",
	"history-branch":       "with-robot --history-branch",
	"history-repo":         "with-robot --history-repo",
	"host":                 "with-host --address",
	"host-key":             "with-host --host-key",
	"host-wait":            "with-host --wait",
	"image":                "bump --images",
	"keyless":              "with-signing-identity --request-url",
	"deploy manifest":      "deploy --manifests",
	"drift manifest":       "drift --manifests",
	"drift profile":        "drift --profiles",
	"lock-timeout":         "with-terraform --lock-timeout",
	"manifest":             "publish --manifest-path",
	"max-attempts":         "with-robot --max-attempts",
	"message":              "with-robot --message",
	"outputs":              "with-host --outputs",
	"playbook":             "with-layout --playbook",
	"plan-dir":             "review --plan",
	"jump":                 "with-host --jump",
	"jump-host-key":        "with-host --jump-host-keys",
	"known-hosts":          "with-host --known-hosts",
	"ssh-certificate-file": "with-host --certificate",
	"project":              "with-host --project",
	"engine":               "with-host --engine",
	"publish force":        "release --force",
	"propose":              "with-robot --propose",
	"registry":             "with-registry --address",
	"repo":                 "release --repo",
	"rekor-url":            "with-signing-identity --rekor-url",
	"require-cost":         "review --require-cost",
	"service":              "publish --services",
	"sign-key-file":        "with-robot --signing-key",
	"skip-ci":              "with-robot --skip-ci",
	"ssh-key-file":         "with-host --ssh-key",
	"ssh-user":             "with-host --user",
	"tags":                 "configure --tags",
	"terraform-dir":        "with-layout --terraform",
	"trailer":              "with-robot --trailers",
	"unordered":            "with-robot --unordered",
	"validate manifest":    "with-layout --manifest",
	"var-file":             "with-terraform --var-files",
	"verify-service":       "deploy --verify-services",
	"workflows":            "with-layout --workflows",
	"workspace":            "with-terraform --workspace",
}

// notInModule says why the module does not have a flag.
var notInModule = map[string]string{
	"ansible-env":      "Ansible gets the variables of with-variable, and of with-secret for the stage configure",
	"applied":          "provision uses it between the images of Terraform and Ansible",
	"checked":          "validate uses it between the images of its tools",
	"config":           "gitops.yml at the root of the repository",
	"default-platform": "release.platforms in gitops.yml",
	"cost":             "the function cost returns the file, and review calls it",
	"created":          "release asks the repository for the commit's time",
	"docker-env":       "the engine builds; a login comes from with-registry",
	"env":              "a container has none of the caller's variables; --variables takes a file of them",
	"github-api":       "with-variable GITHUB_API_URL",
	"drift env":        "a file of values: deploy.env_file in gitops.yml, in the folder of --deployed",
	"drift env-file":   "deploy.env_file in gitops.yml, in the folder of --deployed",
	"drift only":       "both sides are compared; leave out what is not there",
	"infra-branch":     "terraform.branch in gitops.yml",
	"require-approval": "review.require_approval in gitops.yml",
	"review-author":    "review.author in gitops.yml",
	"no-destroy":       "review.policy.no_destroy in gitops.yml",
	"allow-label":      "review.policy.allow_label in gitops.yml",
	"max-cost":         "review.policy.max_cost in gitops.yml",
	"cost-approval":    "review.policy.cost_approval in gitops.yml",
	"label":            "review asks GitHub for the labels of the pull request",
	"approved-by":      "review asks GitHub for the approvals of the pull request",
	"html":             "a page for a laptop",
	"run-url":          "the constructor's arguments of GitHub name the run",
	"image-version":    "the label is the commit, which is what the ref names",
	"json":             "functions return the JSON result",
	"only":             "every check runs, each in the image of its tool",
	"out":              "functions return files",
	"parallel":         "deploy.parallel in gitops.yml",
	"plain-http-host":  "plain_http in gitops.yml, and every service that is bound with with-service",
	"plan":             "the function plan returns the folder, and review calls it",
	"published":        "release uses it after the engine has built",
	"provision check":  "a plan that is applied cannot only be told; configure --check does",
	"source-url":       "release names its repository",
	"ssh-config":       "aliases are those of a person's machine; host.jump and host.known_hosts in gitops.yml say the same",
	"validate data":    "deploy.data in gitops.yml",
	"validate profile": "deploy.profiles in gitops.yml",
	"values":           "release.values in gitops.yml",
	"terraform-env":    "Terraform gets the variables of with-variable, and of with-secret for its stages",
}

// TestReference keeps docs/reference.md what the command and the module say. It also
// holds that each flag of the command is in the module, or is named with the reason
// why not. UPDATE_GOLDEN=1 writes the page.
func TestReference(t *testing.T) {
	const page = "../../../docs/reference.md"
	for _, variable := range os.Environ() {
		// Some defaults are what a workflow of GitHub Actions says.
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "GITHUB_") {
			t.Setenv(name, "")
		}
	}
	functions, err := daggermodule.Read("../../../.dagger")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprint(&out, "# Reference\n\nGenerated from the command and the module by `UPDATE_GOLDEN=1 go test ./ci/cmd/gitops -run TestReference`.\n")
	writeSettings(t, &out)
	writeCommands(t, &out, functions)
	writeFunctions(&out, functions)
	golden.Compare(t, page, out.String())
}

// writeSettings describes gitops.yml.
func writeSettings(t *testing.T, out io.Writer) {
	fmt.Fprint(out, "\n## gitops.yml\n\nSettings at the root of a repository, all optional; a flag or an argument wins. `ci/settings/gitops.schema.json` is their JSON schema, "+
		"for editors.\n\n| setting | says | default | flag |\n|---|---|---|---|\n")
	for _, s := range schemaSettings(t) {
		value, flag := "", ""
		if s.Default != nil && s.Default != false {
			value = fmt.Sprintf("`%v`", s.Default)
		}
		if name := flagOf[s.path]; name != "" {
			flag = "`--" + name + "`"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", s.path, cell(s.Description), value, flag)
	}
}

// writeCommands describes each subcommand that is not hidden.
func writeCommands(t *testing.T, out io.Writer, functions []daggermodule.Function) {
	fmt.Fprint(out, "\n## The command\n\n", cell(strings.Replace(longHelp, "\n\nExit", "\n\n```\nExit", 1)), "\n```\n")
	for _, cmd := range newRoot(newConsole(io.Discard, io.Discard)).Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		fmt.Fprintf(out, "\n### gitops %s\n\n%s.\n\n| flag | says | default | in Dagger |\n|---|---|---|---|\n", cmd.Name(), cmd.Short)
		eachFlag(cmd, func(f *pflag.Flag) {
			fmt.Fprintf(out, "| `--%s` | %s | %s | %s |\n", f.Name, cell(f.Usage), byDefault(f), inModule(t, functions, cmd.Name(), f.Name))
		})
	}
}

func eachFlag(cmd *cobra.Command, do func(*pflag.Flag)) {
	cmd.InheritedFlags() // merges the parents' flags into the command's
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "json" && f.Name != "config" {
			do(f)
		}
	})
}

// byDefault is the flag's default, if it is the same on every machine.
func byDefault(f *pflag.Flag) string {
	if slices.Contains([]string{"", "[]", "false", "0"}, f.DefValue) || f.Name == "actor" || f.Name == "builder-id" {
		return ""
	}
	return "`" + f.DefValue + "`"
}

// inModule says how the module is given what a flag says.
func inModule(t *testing.T, functions []daggermodule.Function, command, flag string) string {
	for _, key := range []string{command + " " + flag, flag} {
		if key == flag && has(functions, command, flag) {
			return "the same"
		}
		if place := elsewhere[key]; place != "" {
			name, argument, _ := strings.Cut(place, " --")
			if !has(functions, name, argument) {
				t.Errorf("the module has no %s", place)
			}
			return "`" + place + "`"
		}
		if reason := notInModule[key]; reason != "" {
			return reason
		}
	}
	t.Errorf("gitops %s --%s is not in the module, and nothing says why", command, flag)
	return ""
}

func has(functions []daggermodule.Function, name, argument string) bool {
	for _, f := range functions {
		if f.Name == name {
			_, has := f.Argument(argument)
			return has
		}
	}
	return false
}

// writeFunctions describes each function of the module.
func writeFunctions(out io.Writer, functions []daggermodule.Function) {
	fmt.Fprint(out, "\n## The module\n\n`dagger call FUNCTION --help` says the same. No function that has an effect is answered from a cache.\n")
	for _, f := range functions {
		fmt.Fprintf(out, "\n### %s\n\n%s\n", f.Name, f.Doc)
		if len(f.Arguments) == 0 {
			continue
		}
		fmt.Fprint(out, "\n| argument | says | |\n|---|---|---|\n")
		for _, a := range f.Arguments {
			fmt.Fprintf(out, "| `--%s` | %s | %s |\n", a.Name, cell(a.Doc), a.Note)
		}
	}
}

// cell makes text fit into a cell of a table.
func cell(text string) string {
	if strings.Contains(text, "```") {
		return text
	}
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(strings.TrimSpace(text))
}
