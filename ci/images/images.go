// Package images names every container image that the stages and the lab run,
// each by an exact version tag. A digest stands here only when it was looked up
// at the image's registry; Renovate pins the rest.
package images

// The tools that stages run in.
const (
	Terraform = "hashicorp/terraform:1.11.4"
	Infracost = "infracost/infracost:ci-0.10.44"
	Ansible   = "ghcr.io/ansible/community-ansible-dev-tools:v26.8.0"
	Git       = "alpine/git:v2.52.0"
	Go        = "golang:1.26.8-trixie"
	Syft      = "anchore/syft:v1.38.0"
	Cosign    = "ghcr.io/sigstore/cosign/cosign:v2.6.5"
)

// The bases of the application's images; its Dockerfiles carry the same
// defaults as build arguments.
const (
	Node  = "node:22.23.2-trixie-slim"
	Nginx = "nginxinc/nginx-unprivileged:1.28.0"
)

// Debian is what the stand-ins of the lab are built from.
const Debian = "debian:13.6-slim"

// DebianTesting is what the lab's host is built from: the suite after Debian, which
// has a newer Docker.
const DebianTesting = "debian:forky-20260803-slim"
