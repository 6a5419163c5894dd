package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// mirrored returns the name of ref in a mirror of Docker Hub at address. Images
// of other registries get their path without the registry's name.
func mirrored(address, ref string) string {
	first, rest, found := strings.Cut(ref, "/")
	switch {
	case !found:
		ref = "library/" + ref
	case strings.ContainsAny(first, ".:") || first == "localhost":
		ref = rest
	}
	return address + "/" + ref
}

// fillMirror pushes the images that were built here into the mirror. What it has
// from an earlier lab is not pushed again.
func (l *Lab) fillMirror(ctx context.Context) (err error) {
	record := filepath.Join(l.cache.dir, "mirror", "pushed.json")
	held, err := lockPath(ctx, filepath.Join(l.cache.dir, "mirror.lock"))
	if err != nil {
		return err
	}
	defer held.release()
	pushed := map[string]string{}
	if content, err := os.ReadFile(record); err == nil {
		// An unreadable record only costs pushing again.
		_ = json.Unmarshal(content, &pushed)
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	// Pushing is mostly compressing: as many at a time as this machine has cores.
	group.SetLimit(runtime.NumCPU())
	for _, image := range l.Images {
		group.Go(func() error {
			stored, err := l.Docker.inspect(ctx, image.Ref)
			if err != nil || stored == nil || image.Holds == "" {
				return err
			}
			mu.Lock()
			there := pushed[image.Ref] == stored.ID
			mu.Unlock()
			if there {
				return nil
			}
			if err := l.push(ctx, image.Ref); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			pushed[image.Ref] = stored.ID
			return keepRecord(record, pushed)
		})
	}
	return group.Wait()
}

func keepRecord(path string, pushed map[string]string) error {
	content, err := json.MarshalIndent(pushed, "", "  ")
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("filling the mirror: %w", err)
	}
	return nil
}

// push pushes the image ref to the mirror under the name it has there.
func (l *Lab) push(ctx context.Context, ref string) (err error) {
	end := l.progress.Start("pushing " + ref + " to the lab's mirror, once")
	defer func() { end(err) }()
	name := mirrored(l.Mirror.Outside, ref)
	if _, err := l.Docker.do(ctx, "tag", ref, name); err != nil {
		return err
	}
	defer func() { _, _ = l.Docker.do(context.WithoutCancel(ctx), "rmi", "--no-prune", name) }()
	_, err = l.Docker.do(ctx, "push", "--quiet", name)
	return err
}
