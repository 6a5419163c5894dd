package publish

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Engines write the same configuration in several ways; what is pushed has one.
func TestSettledConfigHasOneForm(t *testing.T) {
	layers, err := mutate.AppendLayers(empty.Image, layer(t, "a", commitTime), layer(t, "b", commitTime))
	if err != nil {
		t.Fatal(err)
	}
	const health = `"Healthcheck":{"Test":["CMD","/app","health"],"Interval":5000000000,"StartInterval":900000000,"Retries":12345678901234567}`
	f := form{created: commitTime, labels: map[string]string{"org.opencontainers.image.revision": commit}}
	var first string
	for engine, raw := range map[string]string{
		"legacy": `{"architecture":"amd64","os":"linux","container":"c0ffee","docker_version":"20.10.24","created":"2020-01-01T00:00:00Z",
			"container_config":{"Hostname":"c0ffee"},"history":[{"created_by":"/bin/sh -c #(nop)  ENV A=secret","empty_layer":true},{"created_by":"COPY"},{"created_by":"RUN"}],
			"config":{"Hostname":"c0ffee","Domainname":"","AttachStdin":false,"Image":"sha256:1","Volumes":null,"WorkingDir":"","OnBuild":null,"Env":["A=b"],"Cmd":[],"Labels":{"own":"x"},` + health + `}}`,
		"BuildKit": `{"architecture":"amd64","os":"linux","moby.buildkit.buildinfo.v1":"e30=","created":"2021-01-01T00:00:00Z","rootfs":{"type":"layers","diff_ids":[]},
			"history":[{"created_by":"COPY # buildkit","comment":"buildkit.dockerfile.v0"}],
			"config":{` + health + `,"ArgsEscaped":true,"OnBuild":null,"Labels":{"own":"x"},"Env":["A=b"],"WorkingDir":"/"}}`,
		"Dagger": `{"architecture":"amd64","os":"linux","variant":"","config":{"Env":["A=b"],"WorkingDir":"/","Labels":{"own":"x"},` + health + `}}`,
	} {
		settled, err := settledConfig([]byte(raw), layers, f)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(settled)
		}
		if string(settled) != first {
			t.Errorf("%s:\n%s\nanother engine:\n%s", engine, settled, first)
		}
	}
	for _, kept := range []string{`"StartInterval":900000000`, `"Retries":12345678901234567`, `"own":"x"`, `"org.opencontainers.image.revision":"` + commit + `"`} {
		if !strings.Contains(first, kept) {
			t.Errorf("%s is lost: %s", kept, first)
		}
	}
	var read v1.ConfigFile
	if err := json.Unmarshal([]byte(first), &read); err != nil || len(read.History) != 2 || len(read.RootFS.DiffIDs) != 2 || strings.Contains(first, "secret") ||
		!read.Created.Equal(commitTime) || !slices.Equal(read.Config.Env, []string{"A=b"}) {
		t.Errorf("settled to %s, %v", first, err)
	}
}

// Each thing that says how an image runs shows in its digest.
func TestSettledConfigKeepsWhatMatters(t *testing.T) {
	layers, err := mutate.AppendLayers(empty.Image, layer(t, "a", time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, config := range []string{
		`{}`, `{"User":"7"}`, `{"WorkingDir":"/app"}`, `{"Cmd":["a"]}`, `{"Entrypoint":["a"]}`, `{"Env":["A=b"]}`, `{"ExposedPorts":{"80/tcp":{}}}`,
		`{"Volumes":{"/data":{}}}`, `{"StopSignal":"SIGQUIT"}`, `{"Shell":["/bin/bash","-c"]}`, `{"Labels":{"a":"b"}}`, `{"Healthcheck":{"Test":["NONE"]}}`, `{"OnBuild":["RUN x"]}`,
	} {
		settled, err := settledConfig([]byte(`{"os":"linux","architecture":"amd64","config":`+config+`}`), layers, form{created: commitTime})
		if err != nil {
			t.Fatal(err)
		}
		if other, there := seen[string(settled)]; there {
			t.Errorf("%s and %s settle to the same", config, other)
		}
		seen[string(settled)] = config
	}
	for _, raw := range []string{"", "null", "[]", "{"} {
		if _, err := settledConfig([]byte(raw), layers, form{created: commitTime}); err == nil {
			t.Errorf("%q is taken for a configuration", raw)
		}
	}
}
