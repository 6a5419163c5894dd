package main

import (
	"strings"
	"testing"

	"gitops/ci/deploy"
	"gitops/ci/stages"
)

func TestStatusMarksTheCurrentRelease(t *testing.T) {
	state := deploy.State{Project: "app", Dir: "/srv/app", Current: "r1", Compose: "docker compose --file r1.yml", Differences: []string{"app-web-1 runs web:2, and the release web:1"}}
	state.Releases = []deploy.Release{{Name: "r1", Actor: "ada"}, {Name: "r2", Actor: "bob"}}
	text := statusText(stages.StatusResult{State: state})
	for _, want := range []string{"release r1 by ada, current\n", "release r2 by bob\n", "not as in the current release: app-web-1 runs web:2", "docker compose --file r1.yml COMMAND"} {
		if !strings.Contains(text+"\n", want) {
			t.Errorf("the status lacks %q:\n%s", want, text)
		}
	}
}
