package daggermodule

import (
	"strings"
	"testing"
)

func module(t *testing.T) []Function {
	t.Helper()
	functions, err := Read("../../../.dagger")
	if err != nil {
		t.Fatal(err)
	}
	return functions
}

func TestParse(t *testing.T) {
	defaults := map[string]string{"SSHKEY": "env://SSH_PRIVATE_KEY", "DEPLOY_ACTOR": "ada"}
	steps, err := Parse(module(t), strings.Fields("--address 203.0.113.7 with-terraform --var-files a,b deploy --commit abc --keep 3"), defaults)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 3 {
		t.Fatalf("%d steps, want 3: %v", len(steps), steps)
	}
	for want, got := range map[string]string{
		"203.0.113.7":           steps[0].Value("address"),
		"env://SSH_PRIVATE_KEY": steps[0].Value("ssh-key"),
		"docker.io":             steps[0].Value("registry-address"),
		"a b":                   strings.Join(steps[1].Values["var-files"], " "),
		"deploy":                steps[2].Name,
		"abc":                   steps[2].Value("commit"),
		"ada":                   steps[2].Value("actor"),
		"3":                     steps[2].Value("keep"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseCoreFunctions(t *testing.T) {
	steps, err := Parse(module(t), strings.Fields("plan without-file --path tfplan export --path plan"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 4 || steps[3].Value("path") != "plan" {
		t.Errorf("got %v", steps)
	}
}

// The words are those of the dagger command.
func TestParseMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"deploi":                      `unknown command "deploi" for "dagger call"`,
		"deploy --comit abc":          "unknown flag: --comit",
		"deploy":                      `required flag(s) "commit" not set`,
		"validate deploy":             `unknown command "deploy" for "dagger call validate"`,
		"deploy --commit abc surplus": `unknown command "surplus" for "dagger call deploy"`,
		"constructor":                 `unknown command "constructor" for "dagger call"`,
		"--place a":                   "unknown flag: --place",
	} {
		if _, err := Parse(module(t), strings.Fields(line), nil); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}
