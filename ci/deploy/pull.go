package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/retry"
)

// wanted returns the images to have on the host, as pull.sh takes them.
func (r *run) wanted() []string {
	refs := slices.Clone(r.refs)
	slices.Sort(refs)
	var items []string
	for _, ref := range slices.Compact(refs) {
		items = append(items, pin(ref, r.target.images))
	}
	return items
}

// pin returns ref as pull.sh takes it, with the ID and digest that it had in images. A
// ref by digest needs neither.
func pin(ref string, images []Image) string {
	i := slices.IndexFunc(images, func(image Image) bool { return image.Ref == ref })
	if i < 0 || digestIn(ref) != "" {
		return ref + "||"
	}
	return ref + "|" + images[i].ID + "|" + images[i].Digest
}

// pullAttempts is how often a pull is tried when the error may be temporary.
const pullAttempts = 3

// pull puts every image on the host, before anything stops.
func (r *run) pull(ctx context.Context, items []string, logins []registry.Login) error {
	preamble := fmt.Sprintf("logins=%d\n", len(logins)) + login(logins)
	err := retry.Do(ctx, retry.Sleep, func() error {
		_, err := r.script(ctx, "pull", preamble, items...)
		return err
	}, func(attempt int, err error) (time.Duration, error) {
		if exitOf(err) != exitTemporary || attempt == pullAttempts {
			return 0, err
		}
		r.o.Progress.Say("pull failed, trying again: %v", err)
		return time.Duration(attempt*attempt) * time.Second, nil
	})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("pulling images: %w; nothing was stopped", err)
	// Both of Docker's stores say so (moby, daemon/containerd/image_pull.go).
	if strings.Contains(err.Error(), "no matching manifest for ") {
		return progress.Refused("%w; an image is not built for the host's platform: add that to release.platforms in gitops.yml and release again", err)
	}
	return err
}
