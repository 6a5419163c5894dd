package builds

import (
	"path"
	"strings"
)

// Plan is one service's build, complete: an engine that does what it says needs to
// look at no manifest and at no Dockerfile. Paths have slashes, and are relative to
// the repository's root where nothing else is said.
type Plan struct {
	// Context is the folder that the builder sees.
	Context string `json:"context"`
	// Dockerfile is its path, relative to Context; it may lie outside: "../Dockerfile".
	Dockerfile string `json:"dockerfile"`
	// IgnoreFile lists what the builder does not see of Context; empty when nothing
	// does. It is the one beside the Dockerfile, or else the context's own.
	IgnoreFile string `json:"ignoreFile,omitempty"`
	// Target is the stage to build; the last when empty.
	Target string `json:"target,omitempty"`
	// Args are all the build arguments, ReleaseArgument among them.
	Args map[string]string `json:"args"`
	// Parts are the images to build, one for each platform: at least one.
	Parts []Part `json:"parts"`
}

// Part is the build for one platform.
type Part struct {
	// Platform is as in "linux/arm64/v8"; empty for the engine's own.
	Platform string `json:"platform,omitempty"`
	// Base is the image that the target starts from; empty for one from scratch.
	Base string `json:"base,omitempty"`
	// Images are all the images that files of the build come from, Base among them,
	// in order of their names.
	Images []string `json:"images,omitempty"`
}

// DockerfilePath returns the path of the Dockerfile, relative to the repository's
// root.
func (p Plan) DockerfilePath() string { return path.Join(p.Context, p.Dockerfile) }

// IsInside reports whether the Dockerfile lies in the context.
func (p Plan) IsInside() bool {
	return !path.IsAbs(p.Dockerfile) && !strings.HasPrefix(path.Clean(p.Dockerfile), "../")
}
