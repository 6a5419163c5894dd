package manifest

import (
	"fmt"

	"github.com/distribution/reference"
)

// Reference is an image reference taken apart.
type Reference struct {
	Name   string // registry and repository, as written
	Tag    string // empty when there is none
	Digest string // with its algorithm; empty when there is none
}

// ParseReference takes ref apart by the grammar that container engines use. It
// does not add defaults.
func ParseReference(ref string) (Reference, error) {
	_, err := reference.ParseNormalizedNamed(ref)
	var written reference.Reference
	if err == nil {
		written, err = reference.Parse(ref) // without Docker Hub's defaults
	}
	named, ok := written.(reference.Named)
	if err != nil || !ok {
		return Reference{}, fmt.Errorf("invalid image reference %q: %w", ref, err)
	}
	parsed := Reference{Name: named.Name()}
	if tagged, ok := written.(reference.Tagged); ok {
		parsed.Tag = tagged.Tag()
	}
	if digested, ok := written.(reference.Digested); ok {
		parsed.Digest = digested.Digest().String()
	}
	return parsed, nil
}

// FinalRef returns ref as it is to be written, with the pin of Options.
func FinalRef(ref string, pin *bool) (string, error) {
	parsed, err := ParseReference(ref)
	switch {
	case err != nil:
		return "", err
	case pin == nil:
		return ref, nil
	case *pin && parsed.Digest == "":
		return "", fmt.Errorf("%s has no digest to pin: give it as name:tag@sha256:…", ref)
	case !*pin && parsed.Tag == "":
		return "", fmt.Errorf("%s has no tag to write without its digest: give it as name:tag", ref)
	case !*pin:
		return parsed.Name + ":" + parsed.Tag, nil
	}
	return ref, nil
}
