package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// alone returns a manifest in a folder that it is alone in.
func alone(t *testing.T, text string) Source {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "compose.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Source{Root: folder, Manifests: []string{"compose.yml"}}
}

// lookup returns the variables that pairs of names and values give.
func lookup(pairs ...string) Lookup {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// common is a compose file that others extend and include.
const common = "services: {base: {image: c}, 'the app': {image: d}}\n"

func TestStarts(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"all":                      {"services: {web: {image: a}, db: {image: b}}", "db web"},
		"profiles":                 {"services: {web: {image: a}, tool: {image: b, profiles: [tools]}, no: {image: c, profiles: []}}", "no web"},
		"profiles of a base":       {"services: {base: {image: a, profiles: [never]}, web: {extends: base}, app: {image: b}}", "app"},
		"profiles of a base reset": {"services: {base: {image: a, profiles: [never], ports: ['80:80']}, web: {extends: base, profiles: !reset null, ports: !override ['81:80']}}", "web"},
		"profiles merged":          {"x-t: &t {profiles: [tools]}\nservices: {web: {<<: *t, image: a}, app: {image: b}}", "app"},
		"profiles in a later one":  {"services: {web: {image: a}, app: {image: b}}\n---\nservices: {web: {profiles: [tools]}}", "app"},
		"a provider":               {"services: {db: {provider: {type: cloud}}, web: {image: a}}", "web"},
		"no replicas":              {"services: {a: {image: a, scale: 0}, b: {image: b, deploy: {replicas: 0}}, c: {image: c, deploy: {replicas: '0'}}, d: {image: d, scale: 2}}", "d"},
		"scale before replicas":    {"services: {a: {image: a, scale: 1, deploy: {replicas: 0}}}", "a"},
		"replicas by variables":    {"services: {a: {image: a, scale: '${NONE:-0}'}, b: {image: b, deploy: {replicas: '${N}'}}, c: {image: c, scale: '${ONE}'}, d: {image: d, scale: '${GONE}'}}", "c d"},
		"a merged anchored list":   {"x-a: &a {restart: always}\nx-l: &l [*a]\nservices: {web: {<<: *l, image: nginx:1}}", "web"},
		"a service reset":          {"services: {web: {image: a}, app: {image: b}}\n---\nservices: {web: !reset null}", "app"},
		"of another file, reset":   {"services: {web: {extends: {file: common.yml, service: base}}, app: {image: b}}\n---\nservices: {web: !reset null}", "app"},
		"of another file":          {"include: [more.yml]\nservices: {web: {extends: {file: common.yml, service: base}}, app: {extends: {file: common.yml, service: 'the app'}, image: b}}", "app base the app web"},
	} {
		t.Run(name, func(t *testing.T) {
			source := alone(t, c.text)
			source.Env = map[string]secret.Value{"N": secret.New("0"), "ONE": secret.New("1")}
			source.AnyValue, source.FilesElsewhere = true, true
			for _, name := range []string{"common.yml", "more.yml"} {
				if err := os.WriteFile(filepath.Join(source.Root, name), []byte(common), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m, err := Load(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(m.Starts(), " "); got != c.want {
				t.Errorf("starts %s, want %s", got, c.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	service := func(rest string) string { return "services:\n  web:\n    image: a\n" + rest }
	for name, c := range map[string]struct{ text, want string }{
		"none":                     {service("    labels: {a: $SET, b: '${NONE:-x}', c: $$NONE}\n"), ""},
		"plain and required":       {service("    labels: {a: $B, b: '${A:?}', c: '${EMPTY:?}', d: '${EMPTY}'}\n"), "A B EMPTY"},
		"of a second document":     {service("---\nservices: {worker: {image: b, environment: {P: '${PASSWORD}'}}}\n"), "PASSWORD"},
		"passed through, a list":   {service("    environment: [PASSWORD, A=b, SET]\n"), "PASSWORD"},
		"passed through, a map":    {service("    environment: {PASSWORD: , A: b, SET: }\n"), "PASSWORD"},
		"inactive, plain":          {service("  job: {image: b, profiles: [tools], environment: {T: $ONLY, U: '${ONLY2-}'}}\n"), ""},
		"inactive, passed through": {service("  job: {image: b, profiles: [tools], environment: [ONLY]}\n"), ""},
		"inactive, required":       {service("  job: {image: b, profiles: [tools], environment: {T: '${ONLY:?}'}}\n"), "ONLY"},
		"inactive base, active":    {service("  base: {profiles: [x], labels: {l: $L}}\n  app: {extends: base, image: b, profiles: !reset null}\n"), "L"},
		"only for builds":          {service("    build: {context: ., args: {SHA: '${SHA}'}}\n"), ""},
		"required for builds":      {service("    build: {context: ., args: {SHA: '${SHA?}'}}\n"), "SHA"},
		"an extension, plain":      {"x-a: {b: $B}\n" + service(""), ""},
		"an extension, merged":     {"x-a: &a {hostname: $B}\n" + service("    <<: *a\n"), "B"},
		"an extension, required":   {"x-a: {b: '${B:?}'}\n" + service(""), "B"},
		"overridden, plain":        {service("    labels: {a: $A}\n---\nservices: {web: {labels: {a: b}}}\n"), ""},
		"overridden, required":     {service("    labels: {a: '${A:?}'}\n---\nservices: {web: {labels: {a: b}}}\n"), "A"},
		"reset, plain":             {service("    labels: {a: $A}\n---\nservices: {web: {labels: !reset null}}\n"), ""},
		"outside of services":      {service("networks: {n: {name: '${NET}'}}\n"), "NET"},
		"ports":                    {service("    ports: ['${PORT}:80']\n"), "PORT"},
		"in a default":             {service("    labels: {a: '${A:-${B}}', b: '${SET:-${C}}', c: '${SET:+$D}', d: '${A+$E}'}\n"), "B D"},
		"in a key":                 {service("    labels: {$A: b}\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			source := alone(t, c.text)
			source.Env = map[string]secret.Value{"SET": secret.New("x"), "EMPTY": secret.New("")}
			_, err := Load(t.Context(), source)
			want := "the manifest needs " + strings.ReplaceAll(c.want, " ", ", ") + ", which"
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want that it needs %q", err, c.want)
			}
		})
	}
}

func TestCheckImages(t *testing.T) {
	for text, want := range map[string]string{
		"services:\n  web:\n    build: .\n":                                             `compose.yml:2:3: service "web" has no image`,
		"services:\n  a: {image: a}\n  b: {extends: a, image: !reset null, build: .}\n": `compose.yml:3:3: service "b" has no image`,
		"services:\n  a: {image: a}\n---\nservices:\n  a: !override {build: .}\n":       `compose.yml:5:3: service "a" has no image`,
	} {
		_, err := Load(t.Context(), alone(t, text))
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"services: {web: {image: '${ANY:-a}'}}",
		"services: {web: {image: a}, tool: {build: ., profiles: [x]}, never: {build: ., scale: 0}, cloud: {provider: {type: x}}}",
	} {
		if _, err := Load(t.Context(), alone(t, text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestImage(t *testing.T) {
	text := "services: {a: {image: '${REG:-r.local}/a:1'}, b: {image: '$NO/b'}, c: {build: ., scale: 0}, d: {image: 'd:${TAG:-1}'}, e: {image: e, profiles: [x]}}"
	source := alone(t, text)
	read := func(env map[string]secret.Value) *Manifest {
		source.Env = env
		m, err := Load(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	source.AnyValue = true
	if got, ok := read(map[string]secret.Value{"TAG": secret.New("2")}).Image("d"); got != "d:2" || !ok {
		t.Errorf("with a value: %s", got)
	}
	m := read(nil)
	for name, want := range map[string]string{"a": "r.local/a:1", "d": "", "b": "", "c": "", "none": ""} {
		if got, ok := m.Image(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if m.WrittenImage("b") != "$NO/b" || !m.Has("c") || !m.Has("e") || m.Has("none") {
		t.Error("what the manifest has is not told")
	}
	source.AnyValue = false
	if got, ok := read(map[string]secret.Value{"NO": secret.New("x")}).Image("d"); got != "d:1" || !ok {
		t.Errorf("a deploy takes the default: %s", got)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "compose.yml: it has no services",
		"a: b\n":             "compose.yml: it has no services",
		"[a]\n":              "compose.yml: it has no services",
		"services: [\n":      "compose.yml:1:",
		"services: {a: b}\n": "compose.yml:1:15: services.a must be a mapping",
		"services:\n  a: {image: x}\n  b: {extends: c}\n":                       `compose.yml:3:16: cannot extend service "b"`,
		"services:\n  a: {extends: {service: a}}\n":                             "compose.yml:2:16: Circular reference",
		"services:\n  a: {image: x, depends_on: 5}\n":                           "compose.yml:2:29: services.a.depends_on",
		"services:\n  a: {image: x, extends: {file: [b], service: c}}\n":        "compose.yml",
		"services:\n  a: {image: x}\n---\nservices:\n  a: {environment: 5}\n":   "",
		"services:\n  a: {image: x, environment: [A]}\n  1: {image: y, 2: z}\n": "compose.yml",
		"services:\n  a: {image: x}\n  a: {image: y}\n":                         "compose.yml:3:3: invalid YAML: mapping key",
		"services:\n  a: &a\n    image: x\n    labels: *a\n":                    "compose.yml:",
	} {
		_, err := read([]byte(text), "compose.yml")
		if want == "" {
			continue // Compose on the host decides; it must not end the process
		}
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	w, err := ReadWritten(t.Context(), alone(t, "x-e: &e {A: $A}\nservices: {a: {image: a, environment: {<<: *e, B: , N: 5}, labels: [x=$X, y]}}"))
	if err != nil {
		t.Fatal(err)
	}
	environment, labels := w.Templates("a")
	var got []string
	for name, text := range environment {
		got = append(got, name+" "+text)
	}
	for name, text := range labels {
		got = append(got, "label "+name+" "+text)
	}
	slices.Sort(got)
	if want := "A $A,B ${B},N 5,label x $X,label y "; strings.Join(got, ",") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ","), want)
	}
}
