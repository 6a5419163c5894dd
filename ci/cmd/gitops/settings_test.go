package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/settings"
	"gitops/ci/stages"
)

// setting is a setting as the schema has it.
type setting struct {
	path        string
	Description string             `json:"description"`
	Default     any                `json:"default"`
	Properties  map[string]setting `json:"properties"`
}

// schemaSettings returns the settings of the schema that have a value, by path. The
// build sections are for Compose.
func schemaSettings(t *testing.T) []setting {
	t.Helper()
	var root setting
	if err := json.Unmarshal(settings.Schema, &root); err != nil {
		t.Fatal(err)
	}
	return root.below()
}

// below returns the settings in a section that have a value.
func (s setting) below() (all []setting) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		if child.path = name; s.path != "" {
			child.path = s.path + "." + name
		}
		if len(child.Properties) == 0 {
			all = append(all, child)
		}
		all = append(all, child.below()...)
	}
	return all
}

// notFlags are settings that are no flag's value.
var notFlags = []string{"services", "aws.region"}

// TestSettingsAreFlags holds that each setting has a flag with the default that the
// schema tells, and that nothing else is read.
func TestSettingsAreFlags(t *testing.T) {
	t.Setenv("GITHUB_REF_NAME", "") // a default of a workflow
	var known []string
	for _, s := range schemaSettings(t) {
		known = append(known, s.path)
		name := flagOf[s.path]
		if name == "" {
			if !slices.Contains(notFlags, s.path) {
				t.Errorf("%s is in the schema, and is no flag's value", s.path)
			}
			continue
		}
		f := anyFlag(name)
		if f == nil {
			t.Errorf("%s is the value of --%s, which no command has", s.path, name)
		} else if !sameDefault(s.Default, f) {
			t.Errorf("the default of %s is %v in the schema and %s for --%s", s.path, s.Default, f.DefValue, name)
		}
	}
	for path := range flagOf {
		if !slices.Contains(known, path) {
			t.Errorf("%s is not in the schema", path)
		}
	}
}

// A flag for one setting of the backend leaves the others of the file as they are.
func TestBackendConfigIsAddedTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gitops.yml")
	if err := os.WriteFile(file, []byte("terraform: {backend: {bucket: a, key: b}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var o stages.TerraformOptions
	flags := pflag.NewFlagSet("plan", pflag.ContinueOnError)
	flags.String("config", file, "")
	addTerraform(flags, &o)
	if err := flags.Parse([]string{"--backend-config", "bucket=c"}); err != nil {
		t.Fatal(err)
	}
	if err := configure(flags, file); err != nil {
		t.Fatal(err)
	}
	if want := []string{"bucket=a", "key=b", "bucket=c"}; !slices.Equal(o.Backend, want) {
		t.Errorf("got %q, want %q", o.Backend, want)
	}
}

func anyFlag(name string) (found *pflag.Flag) {
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		if f := cmd.Flags().Lookup(name); f != nil && found == nil {
			found = f
		}
		for _, child := range cmd.Commands() {
			look(child)
		}
	}
	look(newRoot(newConsole(io.Discard, io.Discard)))
	return found
}

func sameDefault(want any, f *pflag.Flag) bool {
	if want == nil {
		return slices.Contains([]string{"", "[]"}, f.DefValue)
	}
	text := fmt.Sprint(want)
	if asked, err := time.ParseDuration(text); err == nil {
		has, err := time.ParseDuration(f.DefValue)
		return err == nil && has == asked
	}
	// The robot's name is a default of the package, which the flag only tells.
	return text == f.DefValue || strings.Contains(f.Usage, "(default: "+text+")")
}
