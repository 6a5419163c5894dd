package compose_test

import (
	"maps"
	"strings"
	"testing"

	"gitops/ci/builds"
	"gitops/ci/compose"
	"gitops/ci/progress"
)

// variable is a service that Compose builds with variables in image and arguments.
const variable = `services:
  web:
    build: {context: ., args: {V: "${V:-1}"}}
    image: ${REGISTRY:-ghcr.io/org}/app:${TAG:-latest}
`

func variableOptions(image, values string, force bool) builds.Options {
	o := options(strings.Replace(variable, "${REGISTRY:-ghcr.io/org}/app:${TAG:-latest}", image, 1), "")
	o.ValuesPath, o.Force, o.BuildArgs = "app/images.env", force, map[string]string{}
	if values != "" {
		o.Values = []byte(values)
	}
	return o
}

func TestBuildsOfVariables(t *testing.T) {
	const usual = "${REGISTRY:-ghcr.io/org}/app:${TAG:-latest}"
	for name, c := range map[string]struct {
		o     builds.Options
		image string
		args  map[string]string
	}{
		"values of the file":       {variableOptions(usual, "REGISTRY=r.local/a\nTAG=old\nV=2\n", false), "r.local/a/app:old", map[string]string{"V": "2"}},
		"defaults beside them":     {variableOptions(usual, "TAG=old\n", false), "ghcr.io/org/app:old", map[string]string{"V": "1"}},
		"pinned":                   {variableOptions(usual, "TAG=old@"+digest+"\n", false), "ghcr.io/org/app:old@" + digest, map[string]string{"V": "1"}},
		"force takes the defaults": {variableOptions(strings.Replace(usual, ":-latest", "", 1), "OTHER=1\n", true), "ghcr.io/org/app", map[string]string{"V": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := compose.Builds(c.o)
			if err != nil || len(got) != 1 || got[0].Image != c.image {
				t.Fatalf("got %+v, %v", got, err)
			}
			delete(got[0].Args, builds.ReleaseArgument)
			if !maps.Equal(got[0].Args, c.args) {
				t.Errorf("arguments %v, want %v", got[0].Args, c.args)
			}
		})
	}
}

func TestBuildsRefuseVariables(t *testing.T) {
	const planted = "REGISTRY=planted\nTAG=planted\n"
	tagged := variableOptions("r/app:${V}", "V=planted\n", false)
	for name, c := range map[string]struct {
		o    builds.Options
		want string
	}{
		"no file of values":      {variableOptions("${REGISTRY:-a}/app:${TAG}", "", false), `app/compose.yml:4:12: image of service "web" is ${REGISTRY:-a}/app:${TAG}, and a release has to write its tag: name the file that sets TAG with --values, or replace the image with --force`},
		"not set in it":          {variableOptions("r/app:${TAG}", "OTHER=planted\n", false), "set TAG in app/images.env, or replace the image with --force"},
		"no variable as tag":     {variableOptions("r/app:v${TAG}", planted, false), "make its tag one variable, as in name:${TAG}"},
		"name has no value":      {variableOptions("${R}/app:${TAG}", planted, false), "its name has a variable without a value"},
		"name has none, force":   {variableOptions("${R}/app:${TAG}", "", true), "its name has a variable without a value"},
		"no image":               {variableOptions("${REGISTRY}/app:${TAG}", "REGISTRY=https://planted/\nTAG=x\n", false), "or values that make no image of it"},
		"broken file":            {variableOptions("r/app:${TAG}", "TAG='planted\n", false), "app/images.env:1: a quote is not closed"},
		"argument is the tag":    {tagged, `build argument V of web is "${V:-1}", which depends on the environment: give it with --build-arg V=VALUE, or set it in the file of --values`},
		"argument without value": {options(strings.Replace(variable, "${V:-1}", "${V}", 1), ""), "name the file that sets TAG with --values"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := compose.Builds(c.o)
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %+v\nand  %v\nwant %s", got, err, c.want)
			}
			if strings.Contains(err.Error(), "planted") {
				t.Errorf("a value is in the error: %v", err)
			}
		})
	}
}
