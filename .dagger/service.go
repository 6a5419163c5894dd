package main

import (
	"strings"

	"gitops/.dagger/internal/dagger"
)

// Binding is a service that every stage reaches under an alias.
type Binding struct {
	// +private
	Alias string
	// +private
	Service *dagger.Service
}

// WithService makes a service reachable by every stage.
//
// Such as a private registry or a stand-in.
func (m *Gitops) WithService(
	// Host name under which stages reach the service.
	alias string,
	service *dagger.Service,
) *Gitops {
	m.Bindings = append(m.Bindings, &Binding{Alias: alias, Service: service})
	return m
}

// bound reports whether a service is bound to the host of an image's name.
func (m *Gitops) bound(image string) bool {
	host, _, _ := strings.Cut(image, "/")
	name, _, _ := strings.Cut(host, ":")
	for _, b := range m.Bindings {
		if b.Alias == name {
			return true
		}
	}
	return false
}
