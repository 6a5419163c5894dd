package infra

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// module is a module that the configuration calls, as Terraform recorded it.
type module struct {
	Key     string // its path of calls, such as network.subnets; empty for the root
	Source  string
	Version string
	Dir     string // absolute
}

type modules []module

// modules reads which modules Terraform installed, the root first.
func (w *Workspace) modules() (modules, error) {
	all := modules{{Dir: w.tf.dir}}
	data, err := os.ReadFile(filepath.Join(w.tf.data("modules"), "modules.json"))
	if os.IsNotExist(err) {
		return all, nil
	}
	var file struct{ Modules []module }
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which modules there are: %w", err)
	}
	for _, m := range file.Modules {
		if m.Key == "" {
			continue
		}
		if !filepath.IsAbs(m.Dir) {
			m.Dir = filepath.Join(w.tf.dir, m.Dir)
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b module) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// local reports whether a module is a folder beside the configuration.
func (m module) local() bool {
	return strings.HasPrefix(m.Source, "./") || strings.HasPrefix(m.Source, "../") || m.Source == "." || m.Source == ".."
}

// inputs are the sources and versions of the modules, with what they hold: a branch or
// a tag of git may move.
func (all modules) inputs() []Input {
	var parts []Input
	for _, m := range all {
		if m.Key == "" {
			continue
		}
		part := Input{Kind: InputModule, Name: m.Key, Value: strings.TrimSpace(source(m.Source) + " " + m.Version)}
		if !all.inside(m) {
			part.Content = hashTree(m.Dir)
		}
		parts = append(parts, part)
	}
	return parts
}

// inside reports whether the files of a module are inputs themselves: it is a folder of
// the configuration, or of a local module of it.
func (all modules) inside(m module) bool {
	if m.Key == "" {
		return true
	}
	parent := ""
	if at := strings.LastIndexByte(m.Key, '.'); at >= 0 {
		parent = m.Key[:at]
	}
	at := slices.IndexFunc(all, func(other module) bool { return other.Key == parent })
	return m.local() && at >= 0 && all.inside(all[at])
}

// source is a module's source without the login that it may have.
func source(text string) string {
	forced, address, is := strings.Cut(text, "::")
	if !is {
		forced, address = "", text
	} else {
		forced += "::"
	}
	scheme, rest, is := strings.Cut(address, "://")
	if !is {
		return text
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return forced + scheme + "://" + host + "/" + path
}

// providers are the locked providers: version and hashes. A hash that is added would
// let another program in, so each one counts, also of other platforms.
func (w *Workspace) providers() ([]Input, error) {
	data, err := os.ReadFile(filepath.Join(w.tf.dir, lockFile))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	file, problems := hclsyntax.ParseConfig(data, lockFile, hcl.InitialPos)
	if problems.HasErrors() {
		return nil, fmt.Errorf("reading the lock file: %w", problems)
	}
	var parts []Input
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "provider" || len(block.Labels) != 1 {
			continue
		}
		hashes := literals(block.Body.Attributes["hashes"])
		slices.Sort(hashes)
		version := strings.Join(literals(block.Body.Attributes["version"]), "")
		parts = append(parts, Input{Kind: InputProvider, Name: block.Labels[0], Value: version, Content: strings.Join(hashes, "\n")})
	}
	return parts, nil
}

// literals are the texts in the value of an attribute.
func literals(attribute *hclsyntax.Attribute) []string {
	if attribute == nil {
		return nil
	}
	value, _ := attribute.Expr.Value(nil)
	return textsOf(value)
}
