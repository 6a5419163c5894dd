package main

import (
	"context"
	"errors"

	"gitops/.dagger/internal/dagger"
)

// configFile has the repository's settings. The gitops command reads it itself.
const configFile = "gitops.yml"

// ignored is what no stage reads of a repository.
var ignored = []string{"**/.git", "**/node_modules", "**/.terraform"}

var errNoSource = errors.New("there is no repository: call this in a checkout, or give source")

// repository returns what was given or else the caller's repository. The module's own
// would be the wrong one wherever the module is used from another repository.
func repository(source *dagger.Directory, workspace *dagger.Workspace) (*dagger.Directory, error) {
	switch {
	case source != nil:
		return source, nil
	case workspace != nil:
		return workspace.Directory("/", dagger.WorkspaceDirectoryOpts{Exclude: ignored}), nil
	}
	return nil, errNoSource
}

// withSettings returns c with the settings of the caller's repository in its working
// directory, for a stage that needs nothing else of it.
func withSettings(ctx context.Context, c *dagger.Container, workspace *dagger.Workspace) (*dagger.Container, error) {
	if workspace == nil {
		return c, nil
	}
	return fromSource(ctx, c, workspace.Directory("/", dagger.WorkspaceDirectoryOpts{Include: []string{configFile}}))
}

// fromSource returns c with the settings that are in source.
func fromSource(ctx context.Context, c *dagger.Container, source *dagger.Directory) (*dagger.Container, error) {
	there, err := source.Exists(ctx, configFile)
	if err != nil || !there {
		return c, err
	}
	return c.WithFile(workdir+"/"+configFile, source.File(configFile)), nil
}
