package ci

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// compiled has the modules that the Go SDK of Dagger v0.21.8 has compiled before
// a module is loaded, as "dagger init --sdk go" writes them. A higher version in
// the root go.mod is compiled anew at every cold load.
var compiled = map[string]string{
	"github.com/99designs/gqlgen":               "v0.17.89",
	"github.com/Khan/genqlient":                 "v0.8.1",
	"github.com/cenkalti/backoff/v5":            "v5.0.3",
	"github.com/cespare/xxhash/v2":              "v2.3.0",
	"github.com/go-logr/logr":                   "v1.4.3",
	"github.com/go-logr/stdr":                   "v1.2.2",
	"github.com/google/uuid":                    "v1.6.0",
	"github.com/grpc-ecosystem/grpc-gateway/v2": "v2.28.0",
	"github.com/sosodev/duration":               "v1.4.0",
	"github.com/vektah/gqlparser/v2":            "v2.5.32",
	"go.opentelemetry.io/auto/sdk":              "v1.2.1",
	"go.opentelemetry.io/otel":                  "v1.43.0",
	"go.opentelemetry.io/otel/metric":           "v1.43.0",
	"go.opentelemetry.io/otel/sdk":              "v1.43.0",
	"go.opentelemetry.io/otel/trace":            "v1.43.0",
	"go.opentelemetry.io/proto/otlp":            "v1.9.0",
	"golang.org/x/net":                          "v0.57.0",
	"golang.org/x/sync":                         "v0.22.0",
	"golang.org/x/sys":                          "v0.47.0",
	"golang.org/x/text":                         "v0.41.0",
	"google.golang.org/grpc":                    "v1.79.3",
	"google.golang.org/protobuf":                "v1.36.11",
}

// The root go.mod is the product's: it has no programs, replaces nothing, which
// modules that import this one would not heed, and raises no version above what
// Dagger's SDK has compiled.
func TestRootModule(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", "../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require       []struct{ Path, Version string }
		Tool, Replace []any
	}
	if err := json.Unmarshal(output, &mod); err != nil || len(mod.Require) == 0 {
		t.Fatal("no requirements", err)
	}
	if len(mod.Tool) != 0 || len(mod.Replace) != 0 {
		t.Errorf("tools %v and replacements %v; tools belong in ci/lab/programs", mod.Tool, mod.Replace)
	}
	for _, r := range mod.Require {
		if limit, found := compiled[r.Path]; found && slices.Compare(numbers(r.Version), numbers(limit)) > 0 {
			t.Errorf("%s %s is above %s, which Dagger's SDK has compiled", r.Path, r.Version, limit)
		}
	}
}

// numbers returns the numbers of a version: 1, 43, 0 for v1.43.0.
func numbers(version string) (all []int) {
	release, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for part := range strings.SplitSeq(release, ".") {
		number, _ := strconv.Atoi(part)
		all = append(all, number)
	}
	return all
}
