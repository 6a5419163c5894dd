package deploy

import (
	"maps"
	"slices"
)

// Image is what a service runs.
type Image struct {
	Service string `json:"service"`
	// Ref is the image as the manifest names it.
	Ref string `json:"ref"`
	// Digest is the image by digest, repository@sha256:…; empty when it was not pulled,
	// save in containerd's image store, where an image that was built has one too.
	Digest string `json:"digest,omitempty"`
	// ID is the image's identity on the host: the digest of its configuration, in
	// containerd's image store that of its manifest.
	ID string `json:"id"`
}

// images returns what services run, one entry for each service, sorted.
func images(services []Service) []Image {
	byService := map[string]Image{}
	for _, s := range services {
		byService[s.Service] = s.Image
	}
	var list []Image
	for _, name := range slices.Sorted(maps.Keys(byService)) {
		list = append(list, byService[name])
	}
	return list
}

// digestOf returns the digest form of ref among those that an image has. An image
// has others if it was pulled from other repositories too.
func digestOf(ref string, digests []string) string {
	repository := repositoryOf(ref)
	for _, digest := range digests {
		if repositoryOf(digest) == repository {
			return digest
		}
	}
	return ""
}
