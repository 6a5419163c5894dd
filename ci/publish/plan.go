package publish

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"gitops/ci/builds"
	"gitops/ci/dockerfile"
	"gitops/ci/progress"
)

// plan returns the whole build of the service for a commit. A Dockerfile that
// cannot be read is progress.Invalid.
func (s Service) plan(commit string) (builds.Plan, error) {
	text, err := os.ReadFile(s.dockerfile())
	if err != nil {
		return builds.Plan{}, progress.Invalid("service %s: %w", s.Name, err)
	}
	ignore, err := s.ignoreFile()
	if err != nil {
		return builds.Plan{}, progress.Invalid("service %s: %w", s.Name, err)
	}
	p := builds.Plan{
		Context: filepath.ToSlash(s.Context), Dockerfile: "Dockerfile", IgnoreFile: filepath.ToSlash(ignore),
		Target: s.Target, Args: s.arguments(commit),
	}
	if s.Dockerfile != "" {
		p.Dockerfile = filepath.ToSlash(s.Dockerfile)
	}
	platforms := s.Platforms
	if len(platforms) == 0 {
		platforms = []string{""}
	}
	for _, platform := range platforms {
		images, err := dockerfile.Read(text, dockerfile.Build{Target: s.Target, Args: p.Args, Platform: platform})
		if err != nil {
			return p, progress.Invalid("service %s: reading %s: %w", s.Name, s.dockerfile(), err)
		}
		p.Parts = append(p.Parts, builds.Part{Platform: platform, Base: images.Base, Images: images.All})
	}
	return p, nil
}

// arguments returns the build arguments with the one that every build has.
func (s Service) arguments(commit string) map[string]string {
	all := map[string]string{builds.ReleaseArgument: commit}
	maps.Copy(all, s.Args)
	return all
}

// ignoreFile returns the path of the file that lists what the builder does not see;
// empty when there is none. A file beside the Dockerfile and named after it goes
// before the folder's own.
func (s Service) ignoreFile() (string, error) {
	for _, path := range []string{s.dockerfile() + ".dockerignore", filepath.Join(s.Context, ".dockerignore")} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", nil
}
