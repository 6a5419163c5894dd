package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// commit is the SHA of the nth release.
func commit(n int) string { return fmt.Sprintf("%040x", 0xbe0000+n) }

// ref names an image of the nth release.
func (w *world) ref(name string, n int) string {
	return fmt.Sprintf("%s/%s/%s:%s", w.registryAddress(), w.id, name, commit(n))
}

// build builds and pushes releases until there are n beside the first. The application's
// images are built from its Dockerfiles; drains and plain are the service of
// ci/lab/loadtest/app, which knows of drains and does not.
func (w *world) build(ctx context.Context, n int) error {
	if w.built > n {
		return nil
	}
	folder := filepath.Join(w.dir, "app")
	if w.built == 0 {
		if err := prepareApp(ctx, folder); err != nil {
			return err
		}
	}
	say("building %d releases", n+1-w.built)
	for ; w.built <= n; w.built++ {
		for name, args := range map[string][]string{
			"backend": {"app/backend"}, "frontend": {"app/frontend"},
			"drains": {"--build-arg", "DRAIN_SECONDS=10", folder}, "plain": {"--build-arg", "DRAIN_SECONDS=0", folder},
		} {
			if err := w.buildImage(ctx, w.ref(name, w.built), append([]string{"--build-arg", "GIT_SHA=" + commit(w.built)}, args...)); err != nil {
				return err
			}
		}
	}
	return nil
}

const appDockerfile = `FROM scratch
COPY app /app
ARG DRAIN_SECONDS
ARG GIT_SHA
ENV DRAIN_SECONDS=$DRAIN_SECONDS VERSION=$GIT_SHA
ENTRYPOINT ["/app"]
`

// prepareApp makes the build context of the service to load.
func prepareApp(ctx context.Context, folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	if _, err := command(ctx, "", []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", filepath.Join(folder, "app"), "gitops/ci/lab/loadtest/app"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(appDockerfile), 0o644)
}

// buildImage builds an image and pushes it.
func (w *world) buildImage(ctx context.Context, ref string, args []string) error {
	w.refs = append(w.refs, ref)
	if _, err := docker(ctx, append([]string{"build", "--quiet", "--tag", ref}, args...)...); err != nil {
		return err
	}
	_, err := docker(ctx, "push", "--quiet", ref)
	return err
}

// forget removes the releases from the engine, so that each way pulls them.
func (w *world) forget(ctx context.Context) error {
	_, err := docker(context.WithoutCancel(ctx), append([]string{"image", "rm", "--force"}, w.refs...)...)
	if _, none := docker(ctx, "image", "inspect", w.refs[0]); none != nil {
		return nil //nolint:nilerr // some were not there to be removed
	}
	return errors.Join(errors.New("the releases could not be removed from the engine"), err)
}
