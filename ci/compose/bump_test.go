package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/compose"
	"gitops/ci/manifest"
	"gitops/ci/progress"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// byValue is a manifest with every form of a tag that a file of values may set.
const byValue = `services:
  web:
    image: ${REGISTRY:-ghcr.io/org}/web:${WEB_TAG:-latest} # the tag is in images.env
  api: {image: "registry.example.com:5000/api:$API_TAG"}
  whole: {image: "${WHOLE?set it}"}
  plain: {image: owner/plain:1}
  other: {image: "${OTHER:?}:${OTHER_TAG}"}
`

const tags = "# Tags of images\nREGISTRY='r.example.com/team'\nexport WEB_TAG=\"old\"  # web\n\nAPI_TAG = old\r\nWHOLE=owner/whole:old\nSECRET=planted-4711"

func TestBump(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		images   map[string]string
		o        manifest.Options
		old, new []string // lines of the values, or images of the manifest, that change
	}{
		"tag":                    {images: map[string]string{"web": "r.example.com/team/web:new"}, old: []string{`"old"`}, new: []string{`"new"`}},
		"pinned":                 {images: map[string]string{"web": "r.example.com/team/web:new@" + digest}, o: manifest.Options{Pin: &yes}, old: []string{`"old"`}, new: []string{`"new@` + digest + `"`}},
		"not pinned":             {images: map[string]string{"web": "r.example.com/team/web:new@" + digest}, o: manifest.Options{Pin: &no}, old: []string{`"old"`}, new: []string{`"new"`}},
		"port, blanks and CRLF":  {images: map[string]string{"api": "registry.example.com:5000/api:new"}, old: []string{"= old\r"}, new: []string{"= new\r"}},
		"whole image":            {images: map[string]string{"whole": "else/where:2"}, old: []string{"owner/whole:old"}, new: []string{"else/where:2"}},
		"manifest and values":    {images: map[string]string{"web": "r.example.com/team/web:new", "plain": "owner/plain:2"}, old: []string{`"old"`, "plain:1"}, new: []string{`"new"`, "plain:2"}},
		"unchanged":              {images: map[string]string{"web": "r.example.com/team/web:old"}},
		"force where it is set":  {images: map[string]string{"web": "r.example.com/team/web:new"}, o: manifest.Options{Force: true}, old: []string{`"old"`}, new: []string{`"new"`}},
		"force where it is not":  {images: map[string]string{"other": "o:2"}, o: manifest.Options{Force: true}, old: []string{"${OTHER:?}:${OTHER_TAG}"}, new: []string{"o:2"}},
		"two, in order of names": {images: map[string]string{"web": "r.example.com/team/web:new", "api": "registry.example.com:5000/api:new"}, old: []string{"= old\r", `"old"`}, new: []string{"= new\r", `"new"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, changes, err := compose.Bump(compose.Texts{Manifest: []byte(byValue), Values: []byte(tags)}, c.images, compose.BumpOptions{Options: c.o, ValuesFile: "images.env"})
			if err != nil || len(changes) != len(c.new) {
				t.Fatalf("changes %v, %v", changes, err)
			}
			wantText, wantValues := byValue, tags
			for i := range c.old {
				wantText, wantValues = strings.Replace(wantText, c.old[i], c.new[i], 1), strings.Replace(wantValues, c.old[i], c.new[i], 1)
				if changes[i].New != final(t, c.images[changes[i].Service], c.o.Pin) || strings.Contains(changes[i].Old, "${") != (name == "force where it is not") {
					t.Errorf("change %+v", changes[i])
				}
			}
			if string(got.Manifest) != wantText || string(got.Values) != wantValues {
				t.Errorf("got\n%s%s\nwant\n%s%s", got.Manifest, got.Values, wantText, wantValues)
			}
		})
	}
}

func final(t *testing.T, ref string, pin *bool) string {
	t.Helper()
	ref, err := manifest.FinalRef(ref, pin)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestBumpSaysWhereTheValueStands(t *testing.T) {
	_, changes, err := compose.Bump(compose.Texts{Manifest: []byte(byValue), Values: []byte(tags)}, map[string]string{"web": "r.example.com/team/web:new"}, compose.BumpOptions{ValuesFile: "images.env"})
	want := manifest.Change{Service: "web", Old: "r.example.com/team/web:old", New: "r.example.com/team/web:new", Line: 3, Column: 17, File: "images.env"}
	if err != nil || len(changes) != 1 || changes[0] != want {
		t.Errorf("got %+v, %v, want %+v", changes, err, want)
	}
}

// Services of one tag are bumped together, and where their values would differ not at
// all.
func TestBumpOfSharedTag(t *testing.T) {
	const text = "services:\n  a: {image: 'r/a:${TAG}'}\n  b: {image: 'r/b:${TAG}'}\n"
	no := false
	o := compose.BumpOptions{Options: manifest.Options{File: "compose.yml", Pin: &no}, ValuesFile: ".env"}
	both := map[string]string{"a": "r/a:2@" + digest, "b": "r/b:2@" + strings.Replace(digest, "0", "1", 1)}
	got, changes, err := compose.Bump(compose.Texts{Manifest: []byte(text), Values: []byte("TAG=1\n")}, both, o)
	if err != nil || string(got.Values) != "TAG=2\n" || string(got.Manifest) != text || len(changes) != 2 {
		t.Errorf("got %s, %v, %v", got, changes, err)
	}
	o.Pin = nil
	if _, _, err = compose.Bump(compose.Texts{Manifest: []byte(text), Values: []byte("TAG=1\n")}, both, o); err == nil || !strings.Contains(err.Error(), `services "a" and "b" share TAG`) || !strings.Contains(err.Error(), "--no-pin") {
		t.Errorf("different digests: %v", err)
	}
}

func TestBumpRefuses(t *testing.T) {
	web := map[string]string{"web": "r/web:2"}
	for name, c := range map[string]struct {
		image, values string
		images        map[string]string
		want          string
	}{
		"no such variable":     {"r/web:${TAG}", "OTHER=planted\n", web, `compose.yml:2:16: image of service "web" is r/web:${TAG}: .env does not set TAG; write its first value there by hand`},
		"tag of two parts":     {"r/web:v${TAG}", "TAG=planted\n", web, "its tag is not one variable, as in name:${TAG}"},
		"no tag":               {"r/${NAME}", "NAME=planted\n", web, "its tag is not one variable"},
		"alternative":          {"r/web:${TAG:+x}", "TAG=planted\n", web, "its tag is not one variable"},
		"default of another":   {"r/web:${A:-${TAG}}", "TAG=planted\n", web, ".env does not set A"},
		"digest":               {"r/web@${TAG}", "TAG=planted\n", web, "its tag is not one variable"},
		"name has no value":    {"${REG}/web:${TAG}", "TAG=planted\n", web, ".env has to set every variable before the tag"},
		"other name":           {"${REG}/web:${TAG}", "TAG=1\nREG=planted\n", web, ".env sets its tag alone, and the new ref has another name or no tag"},
		"no tag asked":         {"r/web:${TAG}", "TAG=planted\n", map[string]string{"web": "r/web@" + digest}, "another name or no tag"},
		"twice in the image":   {"${TAG}/web:${TAG}", "TAG=planted\n", web, "has to set every variable before the tag"},
		"invalid ref":          {"r/web:${TAG}", "TAG=planted\n", map[string]string{"web": "r/web:$x"}, "invalid image reference"},
		"shared with another":  {"r/web:${TAG}\"}\n  db: {image: \"r/db:${TAG:-x}", "TAG=planted\n", web, `compose.yml:3:15: image of service "db" is r/db:${TAG:-x}, and a variable in it is set for another service`},
		"in the name of one":   {"r/web:${TAG}\"}\n  db: {image: \"r/${TAG}:${DB}", "TAG=planted\nDB=planted\n", map[string]string{"web": "r/web:2", "db": "r/planted:3"}, `image of service "db" is r/${TAG}:${DB}, and a variable before its tag is set for another service`},
		"set twice":            {"r/web:${TAG}", "TAG=planted\n# x\nTAG=planted\n", web, ".env:1: TAG is set here and in line 3: leave one"},
		"a variable":           {"r/web:${TAG}", "BASE=planted\nTAG=${BASE}\n", web, ".env:2: the value of TAG is not plain"},
		"escaped":              {"r/web:${TAG}", "TAG=\"plan\\\\ted\"\n", web, ".env:1: the value of TAG is not plain"},
		"used by another":      {"r/web:${TAG}", "TAG=planted\nMORE=x-${TAG}\n", web, ".env:1: another value of TAG would change more than this variable"},
		"in another's lines":   {"r/web:${TAG}", "TAG_=1\nA='\nTAG=planted\n'\n", web, ".env does not set TAG"},
		"no plain file":        {"r/web:${TAG}", "TAG=1\nA='planted\n", web, ".env:2: a quote is not closed"},
		"of the environment":   {"r/web:${TAG}", "TAG=1\nA=${HOME}\n", web, ".env:2: a value holds a variable that is not set here or above"},
		"nothing asked":        {"r/web:${TAG}", "TAG=planted\n", nil, "no image was asked for"},
		"no such service":      {"r/web:${TAG}", "TAG=planted\n", map[string]string{"nobody": "a:1"}, `no service "nobody"`},
		"comment and quote":    {"r/web:${TAG}", "TAG='planted' x\n", web, ".env:1: the value of TAG is not plain"},
		"number in no file":    {"r/web:${TAG}", "", web, ".env does not set TAG"},
		"name without a value": {"r/web:${TAG}", "TAG\n", web, ".env does not set TAG"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "services:\n  web: {image: \"" + c.image + "\"}\n"
			o := compose.BumpOptions{Options: manifest.Options{File: "compose.yml"}, ValuesFile: ".env"}
			got, changes, err := compose.Bump(compose.Texts{Manifest: []byte(text), Values: []byte(c.values)}, c.images, o)
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %s %v\nand  %v\nwant %s", got, changes, err, c.want)
			}
			if asked := c.images["db"]; asked == "" && strings.Contains(err.Error(), "planted") {
				t.Errorf("a value is in the error: %v", err)
			}
		})
	}
}

// Docker Compose's parser reads the changed file back, with this one change.
func TestBumpFiles(t *testing.T) {
	folder := t.TempDir()
	path, env := filepath.Join(folder, "compose.yml"), filepath.Join(folder, "images.env")
	for name, text := range map[string]string{path: byValue, env: tags} {
		if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	before, err := compose.EnvironmentFile(env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compose.BumpFiles(t.Context(), path, env, map[string]string{"api": "registry.example.com:5000/api:2"}, compose.BumpOptions{ValuesFile: env}); err != nil {
		t.Fatal(err)
	}
	after, err := compose.EnvironmentFile(env)
	if err != nil || len(after) != len(before) {
		t.Fatal(after, err)
	}
	for name, value := range before {
		if now := after[name].Reveal(); name == "API_TAG" && now != "2" || name != "API_TAG" && now != value.Reveal() {
			t.Errorf("%s was %s and is %s", name, value.Reveal(), now)
		}
	}
	if _, err := compose.BumpFiles(t.Context(), path, filepath.Join(folder, "none"), map[string]string{"api": "a:1"}, compose.BumpOptions{}); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("no file of values: %v", err)
	}
}
