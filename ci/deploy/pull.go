package deploy

import (
	"context"
	"fmt"
	"regexp"
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

// pullWanted pulls what the target needs.
func (r *run) pullWanted(ctx context.Context) error {
	if err := r.pull(ctx, r.wanted(), r.o.Logins); err != nil {
		return fmt.Errorf("%w; nothing was stopped", err)
	}
	return nil
}

// pullAttempts is how often a pull is tried when the error may be temporary.
const pullAttempts = 3

// pull puts images on the host.
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
	err = fmt.Errorf("pulling images: %w%s", err, remedy(err.Error()))
	// Both of Docker's stores say so (moby, daemon/containerd/image_pull.go).
	if strings.Contains(err.Error(), "no matching manifest for ") {
		return progress.Refused("%w; an image is not built for the host's platform: add that to release.platforms in gitops.yml and release again", err)
	}
	return err
}

// remedies say what to do, by the words that Docker uses for what a registry answers.
var remedies = []struct {
	words *regexp.Regexp
	do    string
}{
	{regexp.MustCompile(`Cannot connect to the Docker daemon`), "deploy again when Docker on the host runs"},
	{regexp.MustCompile(`no space left on device`), "make room on the host, and deploy again"},
	{regexp.MustCompile(`(?i)no basic auth credentials|unauthorized|authentication required|denied`),
		"give a login for the registry that may read the image"},
	{regexp.MustCompile(`(?i)HTTP 429|too ?many ?requests`), "the registry limits how often it is asked: log in to it, or deploy again later"},
	{regexp.MustCompile(`(?i)manifest unknown|not found`), "the registry does not have it: release it, or correct the tag"},
	{regexp.MustCompile(`(?i)digest|verification failed|unexpected EOF|unexpected commit size`),
		"what arrives is not what the registry promised: push the image again, or deploy again when the registry is well"},
	{regexp.MustCompile(`connection refused|no such host|timeout|50[0234] [A-Z]`), "deploy again when the host reaches the registry"},
}

// remedy returns what to do about what Docker said; empty when that is not known.
func remedy(said string) string {
	for _, one := range remedies {
		if one.words.MatchString(said) {
			return "; " + one.do
		}
	}
	return ""
}
