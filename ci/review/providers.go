package review

import (
	"regexp"
	"slices"
	"strings"
)

var (
	lockedProvider = regexp.MustCompile(`(?m)^\s*provider\s+"([^"]+)"\s*\{`)
	lockedVersion  = regexp.MustCompile(`(?m)^\s*version\s*=\s*"([^"]+)"`)
)

// LockedProviders lists the providers of a dependency lock file, "source version" each,
// without the registry that most come from.
func LockedProviders(lockFile []byte) (providers []string) {
	text := string(lockFile)
	starts := lockedProvider.FindAllStringSubmatchIndex(text, -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		version := ""
		if found := lockedVersion.FindStringSubmatch(text[start[1]:end]); found != nil {
			version = found[1]
		}
		providers = append(providers, strings.TrimPrefix(text[start[2]:start[3]], "registry.terraform.io/")+" "+version)
	}
	slices.Sort(providers)
	return providers
}
