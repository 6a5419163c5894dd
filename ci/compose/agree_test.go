package compose

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/sirupsen/logrus"
)

// agree checks that the scalar which bump replaces is the image that Compose reads,
// for every service. It returns false where Compose does not accept the text.
func agree(t *testing.T, text string) bool {
	t.Helper()
	p, err := read([]byte(text), "compose.yml")
	if err != nil {
		return false
	}
	got, want := p.document.Images(), map[string]string{}
	for name, s := range p.services {
		if image, ok := s["image"].(string); ok && image != "" {
			want[name] = strings.TrimRight(image, "\n") // the end of a block
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("bump sees %v, Compose %v in\n%s", got, want, text)
	}
	return true
}

func TestBumpAgreesWithCompose(t *testing.T) {
	files, err := filepath.Glob("../manifest/testdata/bump/*/original.yml")
	if err != nil || len(files) == 0 {
		t.Fatal("no manifests", err)
	}
	accepted := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			if agree(t, string(text)) {
				accepted++
			}
		})
	}
	if accepted < 60 {
		t.Errorf("only %d of %d manifests are accepted", accepted, len(files))
	}
}

// Generated manifests of several documents with extends, !reset and !override.
func TestBumpAgreesWithComposeOnDocuments(t *testing.T) {
	accepted := 0
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		var text strings.Builder
		for d := range 1 + r.IntN(3) {
			if d > 0 {
				text.WriteString("---\n")
			}
			text.WriteString("services:" + pick(r, 12, " !override", " !reset") + "\n  keep: {image: k}\n")
			for i, name := range []string{"a", "b", "c"} {
				if r.IntN(3) > 0 {
					fmt.Fprintf(&text, "  %s:%s {", name, pick(r, 8, " !override", " !reset"))
					if r.IntN(2) == 0 {
						fmt.Fprintf(&text, "image:%s %s%d, ", pick(r, 4, " !override", " !reset"), name, d)
					}
					if i > 0 && r.IntN(2) == 0 {
						fmt.Fprintf(&text, "extends: %s, ", []string{"keep", "a", "b"}[r.IntN(i+1)])
					}
					text.WriteString("restart: always}\n")
				}
			}
		}
		if agree(t, text.String()) {
			accepted++
		}
		if t.Failed() {
			return
		}
	}
	if accepted < 300 {
		t.Errorf("only %d manifests are accepted: the generator lost its variety", accepted)
	}
}

// pick returns one of options in one case of n.
func pick(r *rand.Rand, n int, options ...string) string {
	if r.IntN(n) > 0 {
		return ""
	}
	return options[r.IntN(len(options))]
}

// Where no variable is missing, compose-go replaces all of a text without an error
// and without its warning of a blank; where one is, it does one of the two.
func TestMissingAgreesWithCompose(t *testing.T) {
	var warned warnings
	log := logrus.StandardLogger()
	hooks, out := log.ReplaceHooks(logrus.LevelHooks{logrus.WarnLevel: {&warned}}), log.Out
	log.SetOutput(&strings.Builder{})
	defer func() { log.ReplaceHooks(hooks); log.SetOutput(out) }()
	set := lookup("SET", "x", "EMPTY", "")
	missed := 0
	for seed := range uint64(5000) {
		text := randomTemplate(rand.New(rand.NewPCG(seed, 5)), 3)
		warned.any = false
		_, err := template.Substitute(text, template.Mapping(set))
		lacks := len(missing(text, set, true)) > 0
		if lacks != (err != nil || warned.any) {
			t.Fatalf("%q: missing %v, compose-go says %v, warns: %v", text, missing(text, set, true), err, warned.any)
		}
		if lacks {
			missed++
		}
	}
	if missed < 500 || missed > 4500 {
		t.Errorf("%d of 5000 lack a variable: the generator lost its variety", missed)
	}
}

func randomTemplate(r *rand.Rand, depth int) string {
	var text strings.Builder
	for range 1 + r.IntN(3) {
		name := []string{"SET", "EMPTY", "GONE", "OTHER_1"}[r.IntN(4)]
		operator := []string{"", ":-", "-", ":?", "?", ":+", "+"}[r.IntN(7)]
		switch r.IntN(4) {
		case 0:
			text.WriteString([]string{"a", " b ", "$$", "$$SET", "http://h/"}[r.IntN(5)])
		case 1:
			text.WriteString("$" + name + " ")
		default:
			operand := ""
			if operator != "" && operator != "?" && operator != ":?" && depth > 0 && r.IntN(2) == 0 {
				operand = randomTemplate(r, depth-1)
			}
			text.WriteString("${" + name + operator + operand + "}")
		}
	}
	return text.String()
}
