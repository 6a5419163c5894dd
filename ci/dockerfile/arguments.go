package dockerfile

import (
	"maps"
	"runtime"
	"slices"
	"strings"
)

// arguments are what FROM may use: those that the builder sets, and those that the
// file declares before its first stage.
type arguments map[string]string

// Get implements shell.EnvGetter.
func (a arguments) Get(name string) (string, bool) {
	value, ok := a[name]
	return value, ok
}

// Keys implements shell.EnvGetter.
func (a arguments) Keys() []string { return slices.Collect(maps.Keys(a)) }

// automatic returns the arguments that the builder sets by itself:
// https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope.
func (b Build) automatic() arguments {
	own := "linux/" + runtime.GOARCH
	target := b.Platform
	if target == "" {
		target = own
	}
	all := arguments{"TARGETSTAGE": "default"}
	if b.Target != "" {
		all["TARGETSTAGE"] = b.Target
	}
	for prefix, platform := range map[string]string{"TARGET": target, "BUILD": own} {
		parts := append(strings.Split(platform, "/"), "", "")
		all[prefix+"PLATFORM"], all[prefix+"OS"], all[prefix+"ARCH"], all[prefix+"VARIANT"] = platform, parts[0], parts[1], parts[2]
	}
	for name := range all {
		if value, ok := b.Args[name]; ok {
			all[name] = value
		}
	}
	return all
}
