package publish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// service makes a service of the files of a folder.
func service(t *testing.T, files map[string]string) Service {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Service{Name: "app", Context: dir, Image: "r.local/app", Args: map[string]string{"GIT_SHA": commit, "MODE": "fast"}}
}

// Each change starts from the same service; the inputs must differ, or not.
func TestInputs(t *testing.T) {
	files := map[string]string{
		"Dockerfile": "FROM scratch\n", "main.go": "package main\n", "docs/a.md": "a", "docs/keep.txt": "k", "run.sh": "#!/bin/sh\n",
		".dockerignore": "docs\n!docs/keep.txt\n*.log\n",
	}
	base := func(t *testing.T) Service {
		s := service(t, files)
		if err := os.Symlink("main.go", filepath.Join(s.Context, "link")); err != nil {
			t.Fatal(err)
		}
		return s
	}
	write := func(name, content string) func(*testing.T, *Service) string {
		return func(t *testing.T, s *Service) string {
			if err := os.WriteFile(filepath.Join(s.Context, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			return commit
		}
	}
	must := func(t *testing.T, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return commit
	}
	in := func(s *Service, name string) string { return filepath.Join(s.Context, name) }
	for name, c := range map[string]struct {
		same   bool
		change func(*testing.T, *Service) string // returns the commit
	}{
		"another folder": {true, func(*testing.T, *Service) string { return commit }},
		"another time": {true, func(t *testing.T, s *Service) string {
			return must(t, os.Chtimes(in(s, "main.go"), time.Unix(1, 0), time.Unix(1, 0)))
		}},
		"another umask": {true, func(t *testing.T, s *Service) string { return must(t, os.Chmod(in(s, "main.go"), 0o600)) }},
		"another commit": {true, func(_ *testing.T, s *Service) string {
			s.Args["GIT_SHA"] = strings.Repeat("f", 40)
			return strings.Repeat("f", 40)
		}},
		"an ignored file":            {true, write("docs/a.md", "b")},
		"a new ignored file":         {true, write("x.log", "b")},
		"a folder without files":     {true, func(t *testing.T, s *Service) string { return must(t, os.Mkdir(in(s, "empty"), 0o755)) }},
		"content":                    {false, write("main.go", "package main\n\n")},
		"a file that is not ignored": {false, write("docs/keep.txt", "z")},
		"a new file":                 {false, write("new", "")},
		"a file less":                {false, func(t *testing.T, s *Service) string { return must(t, os.Remove(in(s, "main.go"))) }},
		"another name":               {false, func(t *testing.T, s *Service) string { return must(t, os.Rename(in(s, "main.go"), in(s, "main2.go"))) }},
		"executable":                 {false, func(t *testing.T, s *Service) string { return must(t, os.Chmod(in(s, "run.sh"), 0o755)) }},
		"a link elsewhere": {false, func(t *testing.T, s *Service) string {
			os.Remove(in(s, "link"))
			return must(t, os.Symlink("run.sh", in(s, "link")))
		}},
		"the Dockerfile":            {false, write("Dockerfile", "FROM scratch\nUSER 1\n")},
		"what is ignored":           {false, write(".dockerignore", "docs\n!docs/keep.txt\n*.log\nrun.sh\n")},
		"its own ignore file":       {false, write("Dockerfile.dockerignore", "")},
		"the target":                {false, func(_ *testing.T, s *Service) string { s.Target = "run"; return commit }},
		"an argument":               {false, func(_ *testing.T, s *Service) string { s.Args["MODE"] = "slow"; return commit }},
		"a platform":                {false, func(_ *testing.T, s *Service) string { s.Platforms = []string{"linux/arm64"}; return commit }},
		"another argument's commit": {false, func(_ *testing.T, s *Service) string { s.Args["MODE"] = commit; return commit }},
		"content between two files": {false, func(t *testing.T, s *Service) string {
			write("main.go", "")(t, s)
			return write("mainy.go", "package main\n")(t, s)
		}},
		"a folder beside its contents": {false, func(t *testing.T, s *Service) string { return must(t, os.Rename(in(s, "docs"), in(s, "doc"))) }},
	} {
		t.Run(name, func(t *testing.T) {
			before := base(t)
			want, err := before.inputs(commit)
			if err != nil || !strings.HasPrefix(want, "sha256:") {
				t.Fatal(want, err)
			}
			after := base(t)
			sha := c.change(t, &after)
			got, err := after.inputs(sha)
			if err != nil || (got == want) != c.same {
				t.Errorf("got %s, %v; before %s; want the same: %v", got, err, want, c.same)
			}
		})
	}
}

func TestInputsThatCannotBeRead(t *testing.T) {
	s := service(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "[\n"})
	if _, err := s.inputs(commit); err == nil || !strings.Contains(err.Error(), ".dockerignore") {
		t.Errorf("got %v", err)
	}
}
