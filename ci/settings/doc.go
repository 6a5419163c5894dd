// Package settings reads gitops.yml, where a repository keeps its settings once for a
// laptop, GitHub Actions and Dagger.
//
// Schema describes the file for editors, and is what the file is checked against.
package settings
