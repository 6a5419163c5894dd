package compose_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitops/ci/compose"
	"gitops/ci/progress"
)

// oneService is a manifest of one service with a line more.
func oneService(line string) string {
	return "-- compose.yml --\nservices:\n  web:\n    image: nginx:1\n    " + line + "\n"
}

// Each is an input that a deploy must not begin with.
func TestLoadRefusesFiles(t *testing.T) {
	for name, test := range map[string]struct {
		archive string
		data    []string
		exit    int
		says    string
	}{
		"env_file":             {oneService("env_file: [web.env]"), nil, 2, "compose.yml:4:16: web.env is not in the repository: commit the file"},
		"one of two env_files": {oneService("env_file: [{path: a.env, required: false}, {path: b.env, required: true}]"), nil, 2, "b.env is not in the repository"},
		"label_file":           {oneService("label_file: web.labels"), nil, 2, "compose.yml:4:17: web.labels is not"},
		"config":               {oneService("configs: [c]\nconfigs: {c: {file: ./c.yml}}"), nil, 2, "compose.yml:5:21: ./c.yml is not"},
		"secret":               {oneService("secrets: [c]\nsecrets: {c: {file: c.txt}}"), nil, 2, "compose.yml:5:21: c.txt is not in the repository: put the file there before the deploy, from the secrets of your CI, and do not commit it"},
		"env_file of secrets":  {oneService("env_file: [.env.production]"), nil, 2, "compose.yml:4:16: .env.production is not in the repository: put the file there before the deploy"},
		"include":              {"-- compose.yml --\ninclude: [db.yml]\nservices: {web: {image: a}}\n", nil, 2, "compose.yml:1:11: db.yml is not"},
		"include's env_file":   {"-- compose.yml --\ninclude: [{path: db.yml, env_file: db.env}]\nservices: {web: {image: a}}\n-- db.yml --\nservices: {db: {image: b}}\n", nil, 2, "compose.yml:1:36: db.env is not"},
		"extends":              {oneService("extends: {file: base.yml, service: web}"), nil, 2, "compose.yml:4:21: base.yml is not"},
		"bind in an extended file": {"-- compose.yml --\nservices: {web: {extends: {file: sub/base.yml, service: web}}}\n-- sub/base.yml --\nservices:\n  web:\n    image: a\n    volumes:\n      - ./a.conf:/a.conf\n", nil, 2,
			"sub/base.yml:5:9: ./a.conf is not in the repository"},
		"long bind":                {oneService("volumes: [{type: bind, source: ./a, target: /a}]"), nil, 2, "compose.yml:4:36: ./a is not"},
		"bind by a variable":       {oneService("volumes: [\"${PLACE:-./a}:/a\"]"), nil, 2, "compose.yml:4:15: ${PLACE:-./a} is not"},
		"above":                    {oneService("volumes: [\"../a:/a\"]"), nil, 3, "compose.yml:4:15: ../a is above the repository"},
		"home":                     {oneService("volumes: [\"~/a:/a\"]"), nil, 3, "write the absolute path on the host"},
		"home in an extended file": {"-- compose.yml --\nservices: {web: {extends: {file: base.yml, service: web}}}\n-- base.yml --\nservices: {web: {image: a, volumes: [\"~/.ssh:/a\"]}}\n", nil, 3, "base.yml:1:38: ~/.ssh is in the home folder"},
		"relative device":          {oneService("volumes: [\"d:/a\"]\nvolumes: {d: {driver: local, driver_opts: {type: none, o: bind, device: ./d}}}"), nil, 3, "binds a relative path"},
		"remote include":           {"-- compose.yml --\ninclude: [\"https://github.com/a/b.git\"]\nservices: {web: {image: a}}\n", nil, 3, "is on another server"},
		"absolute include":         {"-- compose.yml --\ninclude: [/etc/a.yml]\nservices: {web: {image: a}}\n", nil, 3, "is not in the repository"},
		"include in a circle":      {"-- compose.yml --\ninclude: [a.yml]\nservices: {web: {image: a}}\n-- a.yml --\ninclude: [compose.yml]\nservices: {b: {image: b}}\n", nil, 2, "include leads back to compose.yml"},
		"nested include's env_file": {"-- compose.yml --\ninclude: [a/a.yml]\nservices: {web: {image: a}}\n-- a/a.yml --\ninclude: [{path: b.yml, env_file: b.env}]\nservices: {b: {image: b}}\n-- a/b.yml --\nservices: {c: {image: c}}\n-- a/b.env --\n", nil, 3,
			"a/a.yml:1:35: Compose looks for this environment file in another folder"},
		"mistake in an included file": {"-- compose.yml --\ninclude: [a/a.yml]\nservices: {web: {image: a}}\n-- a/a.yml --\nservices:\n  b:\n    image: b\n    env_file: {path: a}\n", nil, 2, "a/a.yml:4:15: services.b.env_file: invalid type"},
		"mistake without a place":     {oneService("ports: [\"a:b:c:d\"]"), nil, 2, "compose.yml: invalid IP address: a:b"},
		"env_file below PWD":          {oneService("env_file: [\"${PWD}/a.env\"]"), nil, 2, "compose.yml:4:16: ${PWD}/a.env is not in the repository"},
		"data that is not bound":      {oneService("init: true"), []string{"./db"}, 2, `data "./db" is no source of a bind mount`},
		"data above":                  {oneService("volumes: [\"../db:/db\"]"), []string{"../db"}, 2, "not below the project directory"},
		"folder for a config":         {oneService("configs: [c]\nconfigs: {c: {file: ./c}}") + "-- c/x --\n", nil, 2, "./c is a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, compose.Source{Data: test.data}, test.archive)
			if progress.ExitCode(err) != test.exit || !strings.Contains(err.Error(), test.says) {
				t.Errorf("exit %d, want %d with %q: %v", progress.ExitCode(err), test.exit, test.says, err)
			}
		})
	}
}

func TestLoadFindsFiles(t *testing.T) {
	m, err := load(t, compose.Source{Manifests: []string{"app/compose.yml"}, Data: []string{"db"}}, `
-- app/compose.yml --
services:
  web:
    image: nginx:1
    env_file: [a.env, {path: gone.env, required: false}]
    volumes: ["./conf:/conf:ro", "$PWD/site:/site", "./db/web:/db", "/etc/localtime:/etc/localtime", "${HOME}/x:/x", "named:/n"]
    secrets: [token]
  api:
    image: nginx:1
    volumes: ["../shared/conf.yml:/conf.yml:ro", "./conf:/conf", "./db:/db"]
  off: {image: a, profiles: [off], volumes: ["./nowhere:/n"]}
secrets:
  token: {file: "${PWD}/token.txt"}
  unused: {file: ./unused}
volumes: {named: {}}
-- app/a.env --
A=1
-- app/conf/x/y.conf --
-- app/conf/.git/config --
-- app/site/index.html --
-- app/token.txt --
-- shared/conf.yml --
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []compose.File{
		{Path: "app/a.env", Use: compose.UseRead, Services: []string{"web"}, Where: "app/compose.yml:4:16"},
		{Path: "app/compose.yml", Use: compose.UseRead},
		{Path: "app/conf", Use: compose.UseBind, Services: []string{"api", "web"}, Where: "app/compose.yml:5:15", Writable: true, Folder: true},
		{Path: "app/site", Use: compose.UseBind, Services: []string{"web"}, Where: "app/compose.yml:5:34", Writable: true, Folder: true},
		{Path: "app/token.txt", Use: compose.UseSecret, Services: []string{"web"}, Where: "app/compose.yml:12:17"},
		{Path: "shared/conf.yml", Use: compose.UseBind, Services: []string{"api"}, Where: "app/compose.yml:9:15"},
	}
	for i := range want {
		if i >= len(m.Files) || !reflect.DeepEqual(m.Files[i], want[i]) {
			t.Fatalf("files\n%+v\nwant\n%+v", m.Files, want)
		}
	}
	if contents, err := m.Contents(m.Files[2]); err != nil || !slices.Equal(contents, []string{"app/conf/x/y.conf"}) {
		t.Errorf("the folder has %v, %v", contents, err)
	}
	data := []compose.Data{{"app/db", []string{"api"}, "app/compose.yml:9:66"}, {"app/db/web", []string{"web"}, "app/compose.yml:5:53"}}
	if !reflect.DeepEqual(m.Data, data) || m.Folder != "app" {
		t.Errorf("data %+v in %s, want %+v", m.Data, m.Folder, data)
	}
	if got := m.Project.Services["web"].Volumes[4].Source; got != "${HOME}/x" {
		t.Errorf("a path in the login's home is %s", got)
	}
}

// Links, sockets and big files are made here: an archive has none.
func TestLoadRefusesWhatCannotTravel(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		make func(path string) error
		says string
	}{
		"link out":                  {func(p string) error { return os.Symlink(outside, p) }, "./x is a symbolic link that leads out"},
		"link to nothing":           {func(p string) error { return os.Symlink("/gone/for/good", p) }, "leads out"},
		"link above":                {func(p string) error { return linkAbove(outside, p) }, "./x is a symbolic link that leads out"},
		"link in a folder":          {func(p string) error { return in(p, func(q string) error { return os.Symlink(outside, q) }) }, "x/inner is a symbolic link that leads out"},
		"absolute link in a folder": {func(p string) error { return in(p, func(q string) error { return os.Symlink(filepath.Dir(p), q) }) }, "leads out"},
		"pipe":                      {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "neither a file nor a folder"},
		"pipe in a folder":          {func(p string) error { return in(p, func(q string) error { return syscall.Mkfifo(q, 0o600) }) }, "has the socket or device inner"},
		"big file":                  {func(p string) error { return sparse(p, 51<<20) }, "more than 50 MiB"},
		"big folder":                {func(p string) error { return in(p, func(q string) error { return sparse(q, 51<<20) }) }, "more than 50 MiB: bake it into an image"},
		"link to a neighbour":       {func(p string) error { return os.Symlink("compose.yml", p) }, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			root := repository(t, oneService(`volumes: ["./x:/x"]`))
			if err := test.make(filepath.Join(root, "x")); err != nil {
				t.Fatal(err)
			}
			_, err := compose.Load(t.Context(), compose.Source{Root: root, Manifests: []string{"compose.yml"}})
			switch {
			case test.says == "accepted":
				if err != nil {
					t.Error(err)
				}
			case err == nil || progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), test.says):
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

// in makes a folder with something in it.
func in(folder string, create func(string) error) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	return create(filepath.Join(folder, "inner"))
}

// linkAbove makes a relative link.
func linkAbove(target, path string) error {
	relative, err := filepath.Rel(filepath.Dir(path), target)
	if err != nil {
		return err
	}
	return os.Symlink(relative, path)
}

func sparse(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

func TestLoadRefusesHugeManifestAtOnce(t *testing.T) {
	root := repository(t, oneService("init: true"))
	text := append([]byte("services:\n"), bytes.Repeat([]byte("  s: {image: a}\n"), 50<<20/16)...)
	if err := os.WriteFile(filepath.Join(root, "compose.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err := compose.Load(t.Context(), compose.Source{Root: root, Manifests: []string{"compose.yml"}})
	if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "more than 10 MB") || time.Since(begin) > time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// Whatever is wrong with a value, its text is in no error.
func TestLoadRepeatsNoValue(t *testing.T) {
	const planted = "pl4nted:v4lue/x"
	for name, archive := range map[string]string{
		"port":          oneService(`ports: ["${A}:80"]`),
		"number":        oneService("scale: ${A}"),
		"replicas":      oneService("deploy: {replicas: \"${A}\"}"),
		"duration":      oneService("stop_grace_period: ${A}"),
		"bytes":         oneService("mem_limit: ${A}"),
		"missing bind":  oneService("volumes: [\"./${A}:/a\"]"),
		"missing file":  oneService("env_file: [\"./${A}\"]"),
		"include":       "-- compose.yml --\ninclude: [\"./${A}.yml\"]\nservices: {web: {image: a}}\n",
		"extends":       oneService("extends: {file: \"./${A}.yml\", service: web}"),
		"ulimit":        oneService("ulimits: {nofile: \"${A}\"}"),
		"expression":    oneService("labels: {a: \"${A\", b: \"${A}\"}"),
		"volume":        oneService("volumes: [\"${A}:${A}:${A}:${A}\"]"),
		"env file":      oneService("env_file: [a.env]") + "-- a.env --\nOK=1\nB=\"pl4nted:v4lue/x\nrest\n",
		"env file name": oneService("env_file: [a.env]") + "-- a.env --\nOK=1\npl4nted v4lue=1\n",
		"label file":    oneService("label_file: [a.env]") + "-- a.env --\nB='pl4nted:v4lue/x\n",
		"include's env": "-- compose.yml --\ninclude: [sub/compose.yml]\nservices: {web: {image: a}}\n-- sub/compose.yml --\nservices: {b: {image: b}}\n-- sub/.env --\nB=\"pl4nted:v4lue/x\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, compose.Source{Env: values("A", planted)}, archive)
			if err == nil || progress.ExitCode(err) != progress.ExitInvalid && progress.ExitCode(err) != progress.ExitRefused {
				t.Fatalf("exit %d: %v", progress.ExitCode(err), err)
			}
			for _, piece := range []string{"pl4nted", "v4lue"} {
				if strings.Contains(err.Error(), piece) {
					t.Errorf("the value is in %q", err)
				}
			}
			if strings.Contains(err.Error(), os.TempDir()) {
				t.Errorf("a path of this machine is in %q", err)
			}
		})
	}
}

func TestLoadNeedsVariables(t *testing.T) {
	for name, test := range map[string]struct {
		source  compose.Source
		archive string
		needs   string // as the error lists them; empty when none
	}{
		"in an included file":  {archive: "-- compose.yml --\ninclude: [sub/db.yml]\nservices: {web: {image: a}}\n-- sub/db.yml --\nservices: {db: {image: \"b:${TAG}\"}}\n", needs: "TAG"},
		"in .env beside it":    {archive: "-- compose.yml --\ninclude: [sub/db.yml]\nservices: {web: {image: a}}\n-- sub/db.yml --\nservices: {db: {image: \"b:${TAG}\"}}\n-- sub/.env --\nTAG=1\n"},
		"in an extended file":  {archive: "-- compose.yml --\nservices: {web: {extends: {file: b.yml, service: web}}}\n-- b.yml --\nservices: {web: {image: \"b:${TAG}\"}, other: {image: \"${OTHER}\"}}\n", needs: "TAG"},
		"in a second manifest": {source: compose.Source{Manifests: []string{"compose.yml", "b.yml"}}, archive: oneService("init: true") + "-- b.yml --\nservices: {web: {labels: {a: \"${B}\", c: \"${A}\"}}}\n", needs: "A, B"},
		"in an active profile": {source: compose.Source{Profiles: []string{"p"}}, archive: oneService("profiles: [p]\n    labels: {a: \"$A\"}"), needs: "A"},
		"in a build":           {archive: oneService("build: {context: ., args: {A: \"$A\", B: }}")},
		"required in a build":  {archive: oneService("build: {context: ., args: {A: \"${A:?}\"}}"), needs: "A"},
		"of a secret":          {archive: oneService("secrets: [s]\nsecrets: {s: {environment: TOKEN}, unused: {environment: OTHER}}"), needs: "TOKEN"},
		"of a config":          {archive: oneService("configs: [s]\nconfigs: {s: {environment: TEXT}}"), needs: "TEXT"},
		"as a mapping":         {archive: oneService("environment: {A: , B: \"\"}"), needs: "A"},
		"a port without value": {archive: oneService("ports: [\"${PORT}:80\"]"), needs: "PORT"},
		"set by the login":     {archive: oneService("environment: [HOME, USER, PATH, PWD]")},
		"default of a default": {archive: oneService("labels: {a: \"${A:-${B}}\"}"), needs: "B"},
		"in a path":            {archive: oneService("volumes: [\"./${PLACE}:/a\"]\n    env_file: [\"${PLACE}.env\"]"), needs: "PLACE"},
		"UID":                  {archive: oneService("user: \"${UID}\""), needs: "UID"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.source, test.archive)
			says := "the manifest needs " + test.needs + ", which "
			if test.needs == "" && err != nil || test.needs != "" && (err == nil || !strings.HasPrefix(err.Error(), says)) {
				t.Errorf("%v, want %q", err, test.needs)
			}
			test.source.AnyValue = true
			if _, err := load(t, test.source, test.archive); err != nil {
				t.Errorf("with any value: %v", err)
			}
		})
	}
}

func TestLoadRefusesNamesOfTheHost(t *testing.T) {
	for _, name := range []string{"PWD", "HOME", "PATH", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "DOCKER_HOST", "LD_PRELOAD", "A B", ""} {
		_, err := load(t, compose.Source{Env: values(name, "planted")}, oneService("init: true"))
		if progress.ExitCode(err) != progress.ExitInvalid || strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := load(t, compose.Source{}, oneService("labels: {a: \"${DOCKER_HOST}\"}"))
	if err == nil || !strings.Contains(err.Error(), "cannot be given") {
		t.Error(err)
	}
}

func TestAdvice(t *testing.T) {
	m, err := load(t, compose.Source{}, `
-- compose.yml --
services:
  good:
    image: a
    healthcheck: {test: [CMD, ok]}
    stop_grace_period: 30s
    mem_limit: 64m
    labels: {traefik.http.routers.a.rule: PathPrefix(`+"`/`"+`)}
  bare:
    image: a
    ports: ["18000:80"]
  built: {image: b, build: ./b, mem_limit: 1m}
  job: {image: a, restart: "no"}
  none: {image: a, scale: 0}
-- b/Dockerfile --
FROM scratch
HEALTHCHECK --interval=1s CMD ["/b"]
`)
	if err != nil {
		t.Fatal(err)
	}
	advice := m.Advice()
	if len(advice) != 3 {
		t.Fatalf("%v", advice)
	}
	for i, says := range []string{"has no healthcheck", "has no stop_grace_period", "has no memory limit"} {
		if line := advice[i].String(); !strings.HasPrefix(line, "compose.yml:9:5: service bare ") || !strings.Contains(line, says) {
			t.Errorf("%s, want %q", line, says)
		}
	}
}

// A manifest of 300 services, each with files and variables, is read at once.
func TestLoadManyServices(t *testing.T) {
	var text strings.Builder
	text.WriteString("-- compose.yml --\nservices:\n")
	for i := range 300 {
		fmt.Fprintf(&text, "  s%d:\n    image: a:${TAG}\n    volumes: [\"./conf/%d:/conf:ro\", \"./shared:/shared:ro\"]\n    env_file: [all.env]\n    labels: {a: \"${A:-%d}\"}\n", i, i, i)
	}
	for i := range 300 {
		fmt.Fprintf(&text, "-- conf/%d --\n", i)
	}
	text.WriteString("-- shared/x --\n-- all.env --\nA=1\n")
	begin := computed(t)
	m, err := load(t, compose.Source{Env: values("TAG", "1")}, text.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 303 || len(m.Starts()) != 300 {
		t.Errorf("%d files, %d services", len(m.Files), len(m.Starts()))
	}
	if took := computed(t) - begin; took > 5*time.Second {
		t.Errorf("it took %v of a processor", took)
	} else {
		t.Log(took)
	}
}

// computed returns how long this process has computed, whatever else the machine does.
func computed(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano())
}

// Whatever a manifest is like, Load says what is wrong with it and where no run could
// do better: no error is of the kind that another run may not have.
func TestLoadRefusesWithAReason(t *testing.T) {
	files, err := filepath.Glob("../manifest/testdata/bump/*/original.yml")
	if err != nil || len(files) == 0 {
		t.Fatal("no manifests", err)
	}
	accepted := 0
	for _, file := range files {
		_, err := compose.Load(t.Context(), compose.Source{Root: filepath.Dir(file), Manifests: []string{"original.yml"}, AnyValue: true})
		if err == nil {
			accepted++
		} else if code := progress.ExitCode(err); code != progress.ExitInvalid && code != progress.ExitRefused {
			t.Errorf("%s: exit %d: %v", file, code, err)
		}
	}
	if accepted < len(files)/3 {
		t.Errorf("only %d of %d manifests are accepted", accepted, len(files))
	}
}

func FuzzLoad(f *testing.F) {
	for _, archive := range []string{
		oneService("env_file: [{path: a.env}]\n    volumes: [\"./a:/a\", {type: bind, source: ./b, target: /b}]"),
		"-- compose.yml --\ninclude: [a.yml, {path: [b.yml], env_file: a.env}]\nservices: {web: {extends: {file: a.yml, service: b}}}\n",
		oneService("configs: [{source: c}]\n    secrets: [s]\nconfigs: {c: {file: ./c}}\nsecrets: {s: {environment: S}}\nvolumes: {v: {driver_opts: {o: bind, device: ./d}}}"),
	} {
		f.Add(strings.TrimPrefix(archive, "-- compose.yml --\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		root := t.TempDir()
		for name, content := range map[string]string{"compose.yml": text, "a.yml": "services: {b: {image: b}}\n", "a.env": "A=1\n", "c": ""} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, unset := range []bool{true, false} {
			_, err := compose.Load(t.Context(), compose.Source{Root: root, Manifests: []string{"compose.yml"}, AnyValue: unset})
			if code := progress.ExitCode(err); code == progress.ExitFailed {
				t.Errorf("exit 1: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), root) {
				t.Errorf("a path of this machine is in %q", err)
			}
		}
	})
}
