package main

import (
	"gitops/.dagger/internal/dagger"
)

// Rehearse runs the whole loop against stand-ins, without any account.
//
// It goes through the same functions that the workflows call, and returns a
// folder with rehearsal.html and rehearsal.json. It fails at the first stage
// that fails.
//
// +cache="never"
func (m *Gitops) Rehearse(
	// Repository to rehearse, this module's files included; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// Registry that the stand-in host pulls Docker Hub's images from, such as
	// http://10.0.0.5:5000, where Docker Hub cannot be reached.
	// +optional
	mirror string,
) (*dagger.Directory, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return nil, err
	}
	return m.plain(m.GitImage).
		WithFile("/usr/local/bin/rehearse", m.binary("rehearse"), dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithDirectory(workdir, source).
		WithEnvVariable("GITOPS_CALL", now()).
		WithExec(concat([]string{"rehearse", "--engine", "session", "--report", "/report"}, optional("--mirror", mirror)),
			dagger.ContainerWithExecOpts{ExperimentalPrivilegedNesting: true}).
		Directory("/report"), nil
}
