package deploy_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"gitops/ci/deploy"
	"gitops/ci/secret"
)

// A manifest whose tag is a variable goes back to the tag that ran, and not to the one
// that the values of today name.
func TestTagInAVariableGoesBack(t *testing.T) {
	l := newLab(t)
	name, _, _ := strings.Cut(image("v1"), ":")
	text := l.manifest("${NAME:-" + name + "}:${TAG}")
	options := func(commit, manifest, tag string) deploy.Options {
		o := l.options(commit, manifest)
		if tag != "" {
			o.Env["TAG"] = secret.New(tag)
		}
		return o
	}
	says := func() string { return run(t, exec.Command("docker", "logs", l.containers("web"))) }
	l.deploy(options(commitA, text, "v1"))
	receipt, err := deploy.Deploy(context.Background(), l.client, options(commitB, text, "crash"))
	if err == nil || receipt.Outcome != deploy.Restored || says() != "this is v1" {
		t.Fatalf("outcome %s, %v, web says %s", receipt.Outcome, err, says())
	}
	for _, tag := range []string{"v2", ""} { // the file of values at the tip, and none
		again := options(commitB, text, "v2")
		again.OverRollback = true
		l.deploy(again)
		if got := says(); got != "this is v2" {
			t.Fatalf("after the second deploy: %s", got)
		}
		if _, err := deploy.Rollback(context.Background(), l.client, deploy.RollbackOptions{Options: options("", "", tag), Release: commitA}); err != nil {
			t.Fatal(err)
		}
		if got := says(); got != "this is v1" {
			t.Errorf("after the rollback with tag %q: %s", tag, got)
		}
		l.runs(image("v1"))
		text += "# again\n"
	}
}
