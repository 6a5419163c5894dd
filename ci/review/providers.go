package review

import "strings"

// LockedProviders lists the providers of a dependency lock file, "source version" each,
// without the registry that most come from.
func LockedProviders(lockFile []byte) []string {
	providers := providerVersions(lockFile)
	for i, provider := range providers {
		providers[i] = strings.TrimPrefix(provider, "registry.terraform.io/")
	}
	return providers
}
