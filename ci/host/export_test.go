package host

import "testing"

// SetPackageLocks makes Wait look at files instead of those of apt and dpkg.
func SetPackageLocks(t *testing.T, files ...string) {
	before := packageLocks
	packageLocks = files
	t.Cleanup(func() { packageLocks = before })
}
