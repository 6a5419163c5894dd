package images_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gitops/ci/images"
)

// named are the files that name images, and the pattern of a name in each.
var named = map[string]string{
	"images.go":                                        `= "([^"]+:[^"]+)"`,
	"../../app/backend/Dockerfile":                     `(?m)^ARG [A-Z]+_IMAGE=(\S+)`,
	"../../app/frontend/Dockerfile":                    `(?m)^ARG [A-Z]+_IMAGE=(\S+)`,
	"../../app/docker-compose.yml":                     `(?m)^ *image: (\S+)`,
	"../../ansible/roles/monitoring/defaults/main.yml": `(?m)^\w+_image: (\S+)`,
}

// Who changes the version of an image looks at what it contains again.
func TestEveryImageHasARecord(t *testing.T) {
	var used []string
	for file, pattern := range named {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(content), -1)
		if len(found) == 0 {
			t.Errorf("%s names no image", file)
		}
		for _, match := range found {
			if strings.Contains(match[1], "/owner/") { // what a release builds
				continue
			}
			used = append(used, match[1])
			if _, there := images.RecordOf(match[1]); !there {
				t.Errorf("%s names %s, which has no record: look at its Dockerfile and add it to ci/images/records.go", file, match[1])
			}
		}
	}
	for _, r := range images.Records {
		if !slices.Contains(used, r.Ref) {
			t.Errorf("nothing names %s: take its record off", r.Ref)
		}
	}
}

func TestRecordsAreWhole(t *testing.T) {
	digest := regexp.MustCompile(`^(sha256:[0-9a-f]{64})?$`)
	source := regexp.MustCompile(`^[\w.-]+/[\w.-]+ (v?[0-9.]+|[0-9a-f]{12}) [\w./-]+`)
	for _, r := range images.Records {
		if !digest.MatchString(r.Digest) {
			t.Errorf("%s: digest %q", r.Ref, r.Digest)
		}
		if len(r.Sources) == 0 {
			t.Errorf("%s: no source", r.Ref)
		}
		for _, from := range r.Sources {
			if !source.MatchString(from) {
				t.Errorf("%s: %q does not name a repository, a tag or commit, and a path", r.Ref, from)
			}
		}
		for program := range r.Programs {
			if !slices.Contains(images.Telling, program) {
				t.Errorf("%s: no test looks for %s", r.Ref, program)
			}
		}
		if !r.Shell && len(r.Programs) > 0 {
			t.Errorf("%s: programs %v without a shell", r.Ref, r.Programs)
		}
	}
}
