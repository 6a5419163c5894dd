package compose

import (
	"slices"
	"testing"
)

func TestMissingIn(t *testing.T) {
	set := map[string]string{"SET": "x", "EMPTY": ""}
	lookup := func(name string) (string, bool) { value, ok := set[name]; return value, ok }
	for _, c := range []struct {
		scalar string
		want   []string
	}{
		{"plain", nil},
		{"$SET and ${SET}", nil},
		{"$GONE and ${GONE2}", []string{"GONE", "GONE2"}},
		{"${EMPTY}", nil},
		{"${EMPTY:?tell me}", []string{"EMPTY"}},
		{"${EMPTY?tell me}", nil},
		{"${GONE?tell me}", []string{"GONE"}},
		{"${GONE:-default}", nil},
		{"${GONE-}", nil},
		{"${GONE:-${ALSO}}", []string{"ALSO"}},
		{"${SET:-${ALSO}}", nil},
		{"${GONE:+${ALSO}}", nil},
		{"${SET:+${ALSO}}", []string{"ALSO"}},
		{"$$GONE $${GONE}", nil},
		{"100$ or $1 or ${", nil},
		{"http://${GONE}:80/${SET}", []string{"GONE"}},
	} {
		if got := missing(c.scalar, lookup, true); !slices.Equal(got, c.want) {
			t.Errorf("missing(%q) = %q, want %q", c.scalar, got, c.want)
		}
	}
}

func TestExpand(t *testing.T) {
	set := map[string]string{"REG": "registry.local:5000", "EMPTY": ""}
	lookup := func(name string) (string, bool) { value, ok := set[name]; return value, ok }
	for scalar, want := range map[string]string{
		"${REG}/backend:1":             "registry.local:5000/backend:1",
		"${OTHER:-docker.io}/backend":  "docker.io/backend",
		"${EMPTY:-docker.io}/backend":  "docker.io/backend",
		"x${EMPTY-docker.io}/backend":  "x/backend",
		"${OTHER:-${REG}}/backend":     "registry.local:5000/backend",
		"${REG:+mirror/}b${NO:+never}": "mirror/b",
		"a$$b":                         "a$b",
	} {
		if got, ok := Expand(scalar, lookup); got != want || !ok {
			t.Errorf("expand(%q) = %q, %v, want %q", scalar, got, ok, want)
		}
	}
	if got, ok := Expand("${GONE}/backend", lookup); ok {
		t.Errorf("expand without a value = %q, want none", got)
	}
}

func TestMatchRefusesWhatDoesNotFit(t *testing.T) {
	for template, value := range map[string]string{
		"http://${D}":         "https://x",
		"${D},${D}":           "a,b",
		"${D:+set}":           "set",
		"no variable":         "no variable",
		"${A}${B}":            "ab",
		"prefix ${D} postfix": "prefix x",
	} {
		if got := Match(template, value); len(got) > 0 {
			t.Errorf("Match(%q, %q) = %q, want nothing", template, value, got)
		}
	}
}
