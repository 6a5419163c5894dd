package review

import (
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Platforms are what the server is, and what images are built for.
type Platforms struct {
	// Server is Terraform's output platform, such as linux/arm64; empty when there is
	// none, or it is not known yet.
	Server string
	// Built is release.platforms of gitops.yml; without it images are for the platform of
	// whoever builds them, which is Builder nearly everywhere.
	Built []string
}

// Builder is the platform of GitHub's usual runners.
const Builder = "linux/amd64"

// ServerPlatform returns the output platform of a plan.
func ServerPlatform(plan *tfjson.Plan) string {
	if plan == nil || plan.OutputChanges["platform"] == nil {
		return ""
	}
	platform, _ := plan.OutputChanges["platform"].After.(string)
	return platform
}

// Warning says that images would not run on the server, and how to mend it; it is
// empty where they would.
func (p Platforms) Warning() string { return p.warning(func(text string) string { return text }) }

func (p Platforms) warning(quote func(string) string) string {
	built := p.Built
	if len(built) == 0 {
		built = []string{Builder}
	}
	if p.Server == "" || slices.ContainsFunc(built, func(platform string) bool { return machine(platform) == machine(p.Server) }) {
		return ""
	}
	says := "release.platforms in gitops.yml is " + quote(strings.Join(p.Built, ", "))
	if len(p.Built) == 0 {
		says = "gitops.yml sets no release.platforms, so that images are built for " + quote(Builder) + " on most builders"
	}
	return "The server is " + quote(p.Server) + ", and " + says + ": set " + quote("release.platforms: ["+p.Server+"]") + " there"
}

// machine is a platform without the variant, as linux/arm64/v8 has one.
func machine(platform string) string {
	parts := strings.SplitN(platform, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}
