package attest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"gitops/ci/progress"
)

// Build is how an image came about.
type Build struct {
	// BuilderID is the URI of who built it: the party that is to be trusted.
	BuilderID string
	// BuildType is the URI that tells what the parameters mean.
	BuildType string
	// InvocationID names the run of the CI, by its address; optional. Every run has
	// another, and so another provenance.
	InvocationID string
	// Source is the address of the git repository; optional. A login in it is left
	// out.
	Source string
	// Commit is the full SHA that was built.
	Commit string
	// Service, Context, Dockerfile and Target are as in the manifest.
	Service, Context, Dockerfile, Target string
	// Args are the build arguments, with their values: the image's history shows
	// them too, so that a secret must never be one.
	Args map[string]string
	// Platforms are as in "linux/amd64"; none means the builder's own.
	Platforms []string
	// Bases are the images that it was built on.
	Bases []Material
}

// Material is an image that went into another.
type Material struct {
	Name   string // "golang:1.26.8-trixie"
	Digest string // "sha256:…", if known
}

// The fields of a SLSA provenance, version 1, that are known here:
// https://slsa.dev/spec/v1.0/provenance
type provenance struct {
	Definition definition `json:"buildDefinition"`
	Run        runDetails `json:"runDetails"`
}

type definition struct {
	BuildType    string       `json:"buildType"`
	Parameters   parameters   `json:"externalParameters"`
	Dependencies []dependency `json:"resolvedDependencies"`
}

// parameters are what the user chose.
type parameters struct {
	Source     string            `json:"source"`
	Service    string            `json:"service,omitempty"`
	Context    string            `json:"context,omitempty"`
	Dockerfile string            `json:"dockerfile,omitempty"`
	Target     string            `json:"target,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
	Platforms  []string          `json:"platforms,omitempty"`
}

type dependency struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

type runDetails struct {
	Builder  builder  `json:"builder"`
	Metadata metadata `json:"metadata"`
}

type builder struct {
	ID string `json:"id"`
}

type metadata struct {
	InvocationID string `json:"invocationId,omitempty"`
}

// Provenance returns the SLSA provenance of a build, the same for the same build:
// it has no times.
func Provenance(b Build) ([]byte, error) {
	if b.BuilderID == "" || b.BuildType == "" || b.Commit == "" {
		return nil, progress.Invalid("a provenance needs the builder's ID, the type of the build and the commit")
	}
	source, dependencies := b.Commit, []dependency{}
	if b.Source != "" {
		source = gitURI(b.Source) + "@" + b.Commit
		dependencies = append(dependencies, dependency{source, map[string]string{"gitCommit": b.Commit}})
	}
	for _, base := range sortedBases(b.Bases) {
		d, err := base.dependency()
		if err != nil {
			return nil, err
		}
		dependencies = append(dependencies, d)
	}
	platforms := slices.Sorted(slices.Values(b.Platforms))
	return json.Marshal(provenance{
		definition{b.BuildType, parameters{source, b.Service, b.Context, b.Dockerfile, b.Target, b.Args, platforms}, dependencies},
		runDetails{builder{b.BuilderID}, metadata{b.InvocationID}},
	})
}

func sortedBases(bases []Material) []Material {
	sorted := slices.SortedFunc(slices.Values(bases), func(a, b Material) int {
		return strings.Compare(a.Name+"@"+a.Digest, b.Name+"@"+b.Digest)
	})
	return slices.Compact(sorted)
}

var scpForm = regexp.MustCompile(`^([^/:]+@)?[^/:]+:[^/].*$`)

// gitURI returns the address of a git repository as SPDX writes it, without login.
func gitURI(source string) string {
	if scpForm.MatchString(source) && !strings.Contains(source, "://") {
		host, repository, _ := strings.Cut(source, ":")
		source = "ssh://" + host + "/" + repository
	}
	address, err := url.Parse(source)
	if err != nil {
		return "git+" + source[strings.LastIndex(source, "@")+1:]
	}
	if address.Scheme == "" {
		address.Scheme = "file"
	}
	if user := address.User.Username(); user != "" && address.Scheme == "ssh" {
		address.User = url.User(user)
	} else {
		address.User = nil
	}
	return "git+" + address.String()
}

// dependency returns the image by its package URL, as BuildKit writes it.
func (m Material) dependency() (dependency, error) {
	named, err := reference.ParseDockerRef(m.Name)
	if err != nil {
		return dependency{}, progress.Invalid("reading the name of the base image %q: %w", m.Name, err)
	}
	var version string
	switch ref := named.(type) { // by digest, or else by tag: "latest" where none is written
	case reference.Digested:
		version = ref.Digest().String()
	case reference.Tagged:
		version = ref.Tag()
	}
	d := dependency{URI: "pkg:docker/" + reference.FamiliarName(named) + "@" + url.PathEscape(version)}
	if m.Digest == "" {
		return d, nil
	}
	sum, err := digest.Parse(m.Digest)
	if err != nil {
		return dependency{}, progress.Invalid("reading the digest of the base image %s: %q is not of the form sha256:…", m.Name, m.Digest)
	}
	d.Digest = map[string]string{sum.Algorithm().String(): sum.Encoded()}
	return d, nil
}
