package lab_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/progress"
)

// An engine that answers is used and left alone; one that OpenDocker started
// goes with its last user.
func TestOpenDocker(t *testing.T) {
	needsDocker(t)
	before := lab.DockerAnswers(t.Context())
	foreign := before && !lab.EngineIsOurs()
	p := progress.NewProgress(t.Output())
	first, err := lab.OpenDocker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := lab.OpenDocker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").Output()
	if err != nil || first.Version+"\n" != string(version) || second.Version != first.Version {
		t.Errorf("engines %q and %q; docker says %q, %v", first.Version, second.Version, version, err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if !lab.DockerAnswers(t.Context()) {
		t.Error("the engine was stopped while somebody used it")
	}
	for range 2 { // closing twice does no harm
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}
	after := lab.DockerAnswers(t.Context())
	if foreign && !after {
		t.Error("an engine that nobody asked to stop was stopped")
	}
	if !before && after && !lab.EngineInUse() {
		t.Error("the engine that was started goes on without a user")
	}
}

func TestOpenDockerIsCancelled(t *testing.T) {
	needsDocker(t)
	d, err := lab.OpenDocker(t.Context(), progress.NewProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ours := lab.EngineIsOurs()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := lab.OpenDocker(ctx, nil); !errors.Is(err, context.Canceled) {
		d.Close()
		t.Errorf("got %v with a cancelled context", err)
	}
	if lab.EngineIsOurs() != ours {
		t.Error("the engine that was started is not known any more: nobody will stop it")
	}
}
