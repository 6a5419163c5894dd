package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"gitops/ci/progress"
)

// inputs names all that a service's image is made of, except the commit: what its
// folder gives the builder, the Dockerfile, target, arguments and platforms. Two
// commits with the same inputs have the same image. What stands behind a base
// image's tag is not looked at.
func (s Service) inputs(commit string) (string, error) {
	dockerfile, err := os.ReadFile(s.dockerfile())
	if err != nil {
		return "", progress.Invalid("service %s: %w", s.Name, err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "inputs 1\n%x\n%q\n%q\n", sha256.Sum256(dockerfile), s.Target, s.Platforms)
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		value := s.Args[name]
		if value == commit {
			value = "the commit"
		}
		fmt.Fprintf(sum, "%q=%q\n", name, value)
	}
	if err := s.hashFolder(sum); err != nil {
		return "", fmt.Errorf("reading what service %s is built from: %w", s.Name, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// hashFolder adds the files that the builder sees: their paths, content and
// whether they can be executed, which is all that git keeps of them.
func (s Service) hashFolder(sum hash.Hash) error {
	ignored, err := s.ignored()
	if err != nil {
		return err
	}
	return filepath.WalkDir(s.Context, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == s.Context {
			return err
		}
		relative, err := filepath.Rel(s.Context, path)
		if err != nil {
			return err
		}
		out, err := ignored.MatchesOrParentMatches(filepath.ToSlash(relative))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && out && !ignored.Exclusions():
			return filepath.SkipDir
		case entry.IsDir() || out:
			return nil
		}
		return hashFile(sum, path, filepath.ToSlash(relative), entry.Type())
	})
}

func hashFile(sum hash.Hash, path, relative string, kind fs.FileMode) error {
	if kind&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		fmt.Fprintf(sum, "%q -> %q\n", relative, target)
		return err
	}
	if !kind.IsRegular() {
		return nil // sockets and devices are not sent
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%q %t %d\n", relative, info.Mode()&0o100 != 0, info.Size())
	_, err = io.Copy(sum, file)
	return err
}

// ignored reads the patterns of what the builder does not see.
func (s Service) ignored() (*patternmatcher.PatternMatcher, error) {
	path, err := s.ignoreFile()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return newMatcher(nil)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	return newMatcher(patterns)
}

func newMatcher(patterns []string) (*patternmatcher.PatternMatcher, error) {
	matcher, err := patternmatcher.New(slices.DeleteFunc(patterns, func(p string) bool { return strings.TrimSpace(p) == "" }))
	if err != nil {
		return nil, fmt.Errorf("reading .dockerignore: %w", err)
	}
	return matcher, nil
}
