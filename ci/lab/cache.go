package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CacheVariable is the environment variable that names another cache folder.
const CacheVariable = "GITOPS_CACHE"

// cache keeps what is slow to make, each thing under a key that its inputs make.
type cache struct{ dir string }

// openCache opens the folder dir; empty means the one in GITOPS_CACHE, else
// gitops/lab in the user's cache folder.
func openCache(dir string) (*cache, error) {
	if dir == "" {
		dir = os.Getenv(CacheVariable)
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			// No home folder, as in some services: the system's own cache folder.
			base = "/var/cache"
		}
		dir = filepath.Join(base, "gitops", "lab")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("opening the lab's cache: %w", err)
	}
	return &cache{dir}, nil
}

// key makes one key of many inputs.
func key(inputs ...string) string {
	sum := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(sum, "%d:%s", len(input), input)
	}
	return hex.EncodeToString(sum.Sum(nil))[:24]
}

// file returns the path of the file name under key, which make writes the first
// time. A make that fails or is killed leaves nothing that counts.
func (c *cache) file(ctx context.Context, name, key string, make func(path string) error) (string, error) {
	path := filepath.Join(c.dir, name+"-"+key)
	if exists(path) {
		return path, nil
	}
	// Another process may be making the same thing: one makes it, all use it.
	held, err := lockPath(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer held.release()
	if exists(path) {
		return path, nil
	}
	partial := path + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", fmt.Errorf("making %s: %w", name, err)
	}
	if err := make(partial); err != nil {
		os.RemoveAll(partial)
		return "", err
	}
	if err := os.Rename(partial, path); err != nil {
		return "", fmt.Errorf("keeping %s: %w", name, err)
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
