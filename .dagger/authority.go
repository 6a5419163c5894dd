package main

import (
	"gitops/.dagger/internal/dagger"
)

// authorityFile is where a stage finds the certificates that it trusts.
const authorityFile = "/gitops/authority.pem"

// WithAuthority adds certificate authorities that stages trust beside the image's.
//
// Such as that of a private git server or of GitHub Enterprise.
func (m *Gitops) WithAuthority(
	// One or more certificates, PEM.
	certificates *dagger.File,
) *Gitops {
	m.Authority = certificates
	return m
}

// joinCertificates writes the certificates of an image, where its distribution keeps
// them, and those that were given into one file.
const joinCertificates = `for file in etc/ssl/certs/ca-certificates.crt etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem etc/pki/tls/certs/ca-bundle.crt etc/ssl/ca-bundle.pem; do
  if [ -f "/image/$file" ]; then cat "/image/$file"; echo; break; fi
done > /bundle.pem
cat /authority.pem >> /bundle.pem`

// trust returns c with the authorities. The variables that Go and git read name one
// file in the place of the image's, and public servers must stay trusted: the file has
// both. It is joined in another image, for not each has a shell.
func (m *Gitops) trust(c *dagger.Container) *dagger.Container {
	if m.Authority == nil {
		return c
	}
	bundle := dag.Container().From(m.GitImage).
		WithUser("0:0").
		WithoutEntrypoint().
		WithMountedDirectory("/image", c.Rootfs()).
		WithMountedFile("/authority.pem", m.Authority).
		WithExec([]string{"sh", "-euc", joinCertificates}).
		File("/bundle.pem")
	return c.WithFile(authorityFile, bundle).
		WithEnvVariable("SSL_CERT_FILE", authorityFile).
		WithEnvVariable("GIT_SSL_CAINFO", authorityFile)
}
