package deploy

import "github.com/distribution/reference"

// repositoryOf returns the repository of ref, without tag and digest, and Docker
// Hub's in their short form, as the engine tells them.
func repositoryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref // an image's identity, or nothing
	}
	return reference.FamiliarName(named)
}

// digestIn returns the digest that ref has; empty when it has none.
func digestIn(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	digested, ok := named.(reference.Digested)
	if !ok {
		return ""
	}
	return digested.Digest().String()
}

// canonical returns ref in the form by which two refs are the same image: by
// digest when it has one.
func canonical(ref string) string {
	if digest := digestIn(ref); digest != "" {
		return repositoryOf(ref) + "@" + digest
	}
	return ref
}
