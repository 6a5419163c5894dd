package manifest_test

import (
	"maps"
	"testing"

	"gitops/ci/manifest"
	"gitops/ci/stage"
)

func TestArgumentsOfARelease(t *testing.T) {
	builds, err := manifest.BuildServices([]byte(`services:
  web:
    image: a/web:1
    build: {context: ., args: {GIT_SHA: "${GIT_SHA:-development}", MODE: fast, KEY: "${KEY}"}}
`))
	if err != nil || len(builds) != 1 {
		t.Fatal(builds, err)
	}
	if _, err := builds[0].Arguments("abc", nil); stage.ExitCode(err) != stage.ExitInvalid {
		t.Errorf("an argument from the environment gave %v", err)
	}
	got, err := builds[0].Arguments("abc", map[string]string{"KEY": "$5", "MODE": "slow"})
	want := map[string]string{"GIT_SHA": "abc", "MODE": "slow", "KEY": "$5"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
