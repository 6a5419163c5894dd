package main

import (
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

// aliases returns the host names of the bound services: a registry among them speaks
// no TLS.
func (m *Gitops) aliases() (names []string) {
	for _, b := range m.Bindings {
		names = append(names, b.Alias)
	}
	return names
}
