// Package ext takes the place of a module that Traefik's go.mod replaces by a folder of
// Traefik's repository, which the module proxy does not have. It extends nothing.
package ext

// HTTP is embedded in Traefik's HTTP configuration.
type HTTP struct{}

// Router is embedded in Traefik's routers.
type Router struct{}
