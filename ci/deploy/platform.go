package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gitops/ci/progress"
)

// fits refuses images that are built for another machine than the host, before
// anything stops. A service that names a platform has chosen it.
func (r *run) fits(ctx context.Context) error {
	if r.onSwarm() {
		return nil // a swarm takes nodes that an image is built for
	}
	refs := imagesOf(r.target.manifest)
	slices.Sort(refs)
	out, err := r.script(ctx, "platform", "", slices.Compact(refs)...)
	if err != nil {
		return fmt.Errorf("asking what images are built for: %w; nothing was stopped", err)
	}
	host, built := readPlatforms(out)
	r.images = map[string]string{}
	for ref, image := range built {
		r.images[ref] = image.id
	}
	for _, name := range r.target.manifest.Starts() {
		s := r.target.manifest.Project.Services[name]
		if platform := built[s.Image].platform; s.Platform == "" && !runs(host, platform) {
			return misfit(s.Image, platform, host)
		}
	}
	return nil
}

// builtImage is an image on the host.
type builtImage struct{ platform, id string }

// readPlatforms reads what platform.sh prints.
func readPlatforms(out string) (host string, images map[string]builtImage) {
	images = map[string]builtImage{}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "host":
			host = words[1]
		case len(words) == 4 && words[0] == "image":
			images[words[1]] = builtImage{words[2], words[3]}
		}
	}
	return host, images
}

func misfit(ref, platform, host string) error {
	return progress.Refused("%s is built for %s and the host is %s: set release.platforms: [%s] in gitops.yml and release again; "+
		"a service whose image the host emulates names its platform: in the manifest; nothing was stopped", ref, platform, host, host)
}

// runs reports whether a host runs an image without emulation. Images that do not say
// what they are built for are given the chance.
func runs(host, image string) bool {
	return image == host || image == "" || strings.HasPrefix(image, "/") || strings.HasSuffix(image, "/") ||
		host == "linux/amd64" && image == "linux/386" || host == "linux/arm64" && image == "linux/arm"
}
