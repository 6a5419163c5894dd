package review

import (
	"strings"
	"testing"
)

func TestWhatDoesNotRunOnTheServerIsWarnedOf(t *testing.T) {
	const arm, amd = "linux/arm64", "linux/amd64"
	for name, test := range map[string]struct {
		platforms Platforms
		want      string
	}{
		"no output":          {Platforms{Built: []string{amd}}, ""},
		"the same":           {Platforms{arm, []string{arm}}, ""},
		"one of two":         {Platforms{arm, []string{amd, arm}}, ""},
		"a variant":          {Platforms{arm, []string{arm + "/v8"}}, ""},
		"nothing set, Intel": {Platforms{amd, nil}, ""},
		"nothing set, ARM":   {Platforms{arm, nil}, "The server is linux/arm64, and gitops.yml sets no release.platforms, so that images are built for linux/amd64 on most builders: set release.platforms: [linux/arm64] there"},
		"another":            {Platforms{amd, []string{arm}}, "The server is linux/amd64, and release.platforms in gitops.yml is linux/arm64: set release.platforms: [linux/amd64] there"},
	} {
		if got := test.platforms.Warning(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// The comment warns too, also where nothing changes, and the platforms may be anything.
func TestTheCommentWarnsOfPlatforms(t *testing.T) {
	for _, attack := range append(attacks, "linux/arm64") {
		c := hostile(attack)
		c.Platforms = Platforms{Server: "linux/" + canary + attack, Built: []string{canary + attack, attack}}
		for range 2 {
			body := Render(c)
			confined(t, body)
			if !strings.Contains(body, "> [!WARNING]\n> The server is ") {
				t.Errorf("%q: no warning in\n%s", attack, body)
			}
			c.Summary = Summary{}
		}
	}
	c := commentOn(t, "create")
	if body := Render(c); strings.Contains(body, "[!WARNING]") {
		t.Errorf("a plan without the output warns:\n%s", body)
	}
}
