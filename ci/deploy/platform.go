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
	var refs []string
	set := variables(r.o.Env)
	for _, name := range r.target.file.Starts(set) {
		if ref, ok := r.target.file.Image(name, set); ok && r.target.file.Platform(name) == "" {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	out, err := r.script(ctx, "platform", "", slices.Compact(refs)...)
	if err != nil {
		return fmt.Errorf("asking what images are built for: %w; nothing was stopped", err)
	}
	return misfit(out)
}

// misfit reads what platform.sh prints.
func misfit(out string) error {
	host := ""
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "host":
			host = words[1]
		case len(words) == 3 && words[0] == "image" && !runs(host, words[2]):
			return progress.Refused("%s is built for %s and the host is %s: set release.platforms: [%s] in gitops.yml and release again; "+
				"a service whose image the host emulates names its platform: in the manifest; nothing was stopped", words[1], words[2], host, host)
		}
	}
	return nil
}

// runs reports whether a host runs an image without emulation. Images that do not say
// what they are built for are given the chance.
func runs(host, image string) bool {
	return image == host || strings.HasPrefix(image, "/") || strings.HasSuffix(image, "/") ||
		host == "linux/amd64" && image == "linux/386" || host == "linux/arm64" && image == "linux/arm"
}
