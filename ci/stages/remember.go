package stages

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitops/ci/review"
)

// rememberFor is how long a plan is remembered.
const rememberFor = 30 * 24 * time.Hour

// remember keeps the record of a plan that was reviewed on this machine, or whose apply
// failed half-way, in the user's cache. A review in a pull request has its own record; a
// fingerprint that is given by hand has none, and without one nobody could say what
// differs, or tell a rerun from another change. The record holds
// hashes and addresses, no values. Where it cannot be kept, a rerun needs a new review.
func remember(fingerprint string, record review.Record) {
	path, err := memory(fingerprint)
	if err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	forget(filepath.Dir(path))
	if data, err := json.Marshal(record); err == nil {
		_ = os.WriteFile(path, data, 0o600)
	}
}

// remembered returns the record of a plan that was reviewed or applied on this machine.
func remembered(fingerprint string) (record review.Record, found bool) {
	path, err := memory(fingerprint)
	if err != nil {
		return record, false
	}
	data, err := os.ReadFile(path)
	return record, err == nil && json.Unmarshal(data, &record) == nil
}

func memory(fingerprint string) (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "gitops", "reviewed", strings.TrimPrefix(fingerprint, "sha256:")+".json"), err
}

// forget removes records that are too old.
func forget(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > rememberFor {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
