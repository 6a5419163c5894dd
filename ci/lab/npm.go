package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gitops/ci/images"
	"gitops/ci/program"
)

// npmRelease is the release of npm that comes with the Node.js images.
const npmRelease = "10"

// npmPackages returns the folder with the content of npm packages: each in a
// folder by its name without the version.
func (m *maker) npmPackages(ctx context.Context, packages map[string]string) (string, error) {
	var inputs, wanted []string
	for _, folder := range sortedKeys(packages) {
		inputs = append(inputs, folder, packages[folder])
		wanted = append(wanted, packages[folder])
	}
	return m.cache.file(ctx, "npm", key(inputs...), func(target string) (err error) {
		end := m.progress.Start("fetching npm packages: " + strings.Join(wanted, ", "))
		defer func() { end(err) }()
		for _, folder := range sortedKeys(packages) {
			dir := filepath.Join(target, folder)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("fetching npm packages: %w", err)
			}
			if err := m.npmPack(ctx, dir, packages[folder]); err != nil {
				return err
			}
			if err := unpackOnly(ctx, dir); err != nil {
				return err
			}
		}
		return nil
	})
}

// npmPack puts the archive of a package into dir: with the npm of this machine,
// or else with Debian's in a container.
func (m *maker) npmPack(ctx context.Context, dir, name string) error {
	if _, err := program.Find("npm"); err == nil {
		return run(ctx, nil, dir, "npm", "pack", "--silent", name)
	}
	_, err := m.docker.do(ctx, "run", "--rm", "--volume", dir+":/pack", "--workdir", "/pack",
		"--env", "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt", images.Debian,
		"sh", "-ec", `apt-get update -qq; apt-get install -y -qq --no-install-recommends npm >/dev/null; npm pack --silent "$0"`, name)
	return err
}

// unpackOnly replaces the one archive in dir by its content.
func unpackOnly(ctx context.Context, dir string) error {
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil {
		return fmt.Errorf("unpacking npm package: %w", err)
	}
	if len(archives) != 1 {
		return fmt.Errorf("unpacking npm package: found %d archives in %s, want one", len(archives), dir)
	}
	if err := run(ctx, nil, dir, "tar", "-xzf", archives[0], "--strip-components=1", "--no-same-owner"); err != nil {
		return err
	}
	return os.Remove(archives[0])
}
