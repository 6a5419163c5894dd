package builds

import "strings"

// ignoredKeys of a build section say how fast, with which limits or under which
// further names compose builds, and what it attests. They do not change what the
// image holds, and a release has its own answer to each.
var ignoredKeys = map[string]bool{
	"cache_from": true, "cache_to": true, "no_cache": true, "no_cache_filter": true, "pull": true,
	"tags": true, "provenance": true, "sbom": true, "shm_size": true, "ulimits": true,
}

// refusedKeys change what the image holds, or what its build may do, and are not
// supported. The values say what to do instead.
var refusedKeys = map[string]string{
	"additional_contexts": "copy from one context, or from an image with COPY --from",
	"dockerfile_inline":   "write it into a file that dockerfile names",
	"entitlements":        "build without them",
	"extra_hosts":         "reach hosts by names that resolve",
	"isolation":           "build without it",
	"labels":              "write LABEL in the Dockerfile",
	"network":             "build with the default network",
	"privileged":          "build without it",
	"secrets":             "fetch what needs them in a step before, into the context",
	"ssh":                 "fetch what needs it in a step before, into the context",
}

// settingKeys are the keys of a build section that a Section has.
var settingKeys = map[string]bool{"context": true, "dockerfile": true, "target": true, "platforms": true, "args": true}

// Refusal says why a release cannot honour a key of a build section, and what to do
// instead; empty when it can. empty tells that the key says nothing.
func Refusal(key string, empty bool) string {
	instead, refused := refusedKeys[key]
	switch {
	case refused && !empty:
		return "has " + key + ", which a release cannot honour: " + instead
	case !refused && !settingKeys[key] && !ignoredKeys[key] && !strings.HasPrefix(key, "x-"):
		return "has the key \"" + key + "\", which compose does not know"
	}
	return ""
}
