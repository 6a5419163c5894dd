package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"gitops/ci/images"
	"gitops/ci/progress"
)

// Program is a program that an image was made for.
type Program struct {
	Image string // reference
	Path  string // where the image has the program
}

// The programs that stages look up on their PATH and that need nothing beside
// them.
var (
	Syft   = Program{images.Syft, "/syft"}
	Cosign = Program{images.Cosign, "/ko-app/cosign"}
)

// Tool returns a folder on this machine that has the program out of its image,
// and nothing else, to be put on a PATH. The image is pulled, or built as a lab
// builds it; the folder is in the lab's cache and stays. It sets up a Docker
// engine where none answers, as OpenDocker does; without one the error is
// ErrNoDocker.
func Tool(ctx context.Context, p Program, progress *progress.Progress) (dir string, err error) {
	name := path.Base(p.Path)
	c, err := openCache("")
	if err != nil {
		return "", err
	}
	d, err := OpenDocker(ctx, progress)
	if err != nil {
		return "", fmt.Errorf("getting %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.cache = c
	id, err := d.provided(ctx, p.Image)
	if err != nil {
		return "", fmt.Errorf("getting %s: %w", name, err)
	}
	return c.file(ctx, "tool-"+name, key(id, p.Path), func(dir string) error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("getting %s: %w", name, err)
		}
		return d.copyOut(ctx, id, p.Path, dir)
	})
}

// Provide makes sure that the engine has the images: pulled, or built as a lab
// builds them.
func (d *Docker) Provide(ctx context.Context, refs ...string) error {
	c, err := openCache("")
	if err != nil {
		return err
	}
	d.cache = c
	for _, ref := range refs {
		if _, err := d.provided(ctx, ref); err != nil {
			return fmt.Errorf("getting %s: %w", ref, err)
		}
	}
	return nil
}

// provided makes sure that the engine has ref, outside of any lab, and returns
// the image's ID.
func (d *Docker) provided(ctx context.Context, ref string) (string, error) {
	stored, err := d.inspect(ctx, ref)
	if err != nil {
		return "", err
	}
	if stored == nil || stored.Labels[labelBase] != "" {
		provider, _, err := newProvider(ctx, d, d.cache)
		if err != nil {
			return "", err
		}
		if _, err := provider.provide(ctx, ref); err != nil {
			return "", err
		}
		if stored, err = d.inspect(ctx, ref); err != nil {
			return "", err
		}
	}
	if stored == nil {
		return "", fmt.Errorf("the engine does not keep %s", ref)
	}
	return stored.ID, nil
}

// copyOut copies a file out of an image into the folder dir.
func (d *Docker) copyOut(ctx context.Context, imageID, file, dir string) error {
	owner := processID(os.Getpid())
	container, err := d.do(ctx, "create", "--label", labelLab+"=tool-"+owner, "--label", labelOwner+"="+owner, imageID)
	if err != nil {
		return err
	}
	defer func() { _, _ = d.do(context.WithoutCancel(ctx), "rm", "--force", "--volumes", container) }()
	_, err = d.do(ctx, "cp", "--follow-link", container+":"+file, dir)
	return err
}
