// Package builds says what a release builds: the settings of each image, checked,
// and by which a service's build is told to an engine.
//
// It holds plain values and needs no parser of Compose's or of Dockerfiles: the
// compose package reads the manifest, and the publish package completes a Plan.
package builds
