package main

import (
	"context"
	"io/fs"
	"sync/atomic"

	"gitops/ci/deploy"
	"gitops/ci/host"
)

// counting counts what a deploy does on a host: each command, script and upload is a
// session.
type counting struct {
	deploy.Host
	sessions atomic.Int32
}

// Run counts a command.
func (c *counting) Run(ctx context.Context, cmd host.Command) (host.Output, error) {
	c.sessions.Add(1)
	return c.Host.Run(ctx, cmd)
}

// Script counts a script.
func (c *counting) Script(ctx context.Context, script string, args ...string) (host.Output, error) {
	c.sessions.Add(1)
	return c.Host.Script(ctx, script, args...)
}

// Upload counts an upload.
func (c *counting) Upload(ctx context.Context, path string, mode fs.FileMode, content []byte) error {
	c.sessions.Add(1)
	return c.Host.Upload(ctx, path, mode, content)
}
