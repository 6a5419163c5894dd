package rehearsal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/texttest"
	"gitops/ci/manifest"
	"gitops/ci/secret"
)

func TestSummary(t *testing.T) {
	passed := &Report{Passed: true, Steps: make([]Step, 18), Took: 187*time.Second + 400*time.Millisecond}
	if got := passed.Summary(); got != "rehearsal passed: 18 stages, 187 s" {
		t.Errorf("got %q", got)
	}
	failed := &Report{Steps: []Step{{Name: "seed"}, {Name: "provision", Failure: "no route"}}}
	if got := failed.Summary(); got != "rehearsal failed: provision: no route" {
		t.Errorf("got %q", got)
	}
}

// TestStopsAtTheFirstFailure runs the loop against a git address where nothing
// listens: the first step fails, no stage runs, and the report says why.
func TestStopsAtTheFirstFailure(t *testing.T) {
	w := World{GitURL: "http://127.0.0.1:1/loop.git", Source: "../..", Registry: "registry.local:5000/team", GitPassword: secret.New("x")}
	report, err := Run(t.Context(), never{t}, w, nil)
	if err == nil || report.Passed || len(report.Steps) != 1 || !strings.Contains(report.Steps[0].Failure, "git push") {
		t.Fatalf("got %+v, %v", report, err)
	}
}

type never struct{ t *testing.T }

func (n never) Run(_ context.Context, call Call) ([]byte, error) {
	n.t.Errorf("stage %s ran", call.Stage)
	return nil, errors.New("ran")
}

func TestReportIsSelfContainedAndEscaped(t *testing.T) {
	report := &Report{
		Passed: true, Took: 10 * time.Second, With: "in a test",
		Steps:   []Step{{Name: "deploy <b>", Begun: 2 * time.Second, Took: 5 * time.Second, Detail: "it's \"fine\""}},
		Review:  "### 1 to add\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
		Receipt: `{"outcome": "<script>alert(1)</script>"}`,
		NotRun:  []string{"Grafana: no image"},
	}
	var out bytes.Buffer
	if err := report.WriteHTML(&out, []byte("<svg/>")); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{"deploy &lt;b&gt;", "left:20.00%", "width:50.00%", "<td>1</td>", "Grafana: no image", "rehearsal passed: 1 stages, 10 s", `src="data:image/svg&#43;xml;base64,PHN2Zy8&#43;"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if loads := strings.Count(page, "src="); loads != 1 {
		t.Errorf("the page loads %d things, and has one picture", loads)
	}
	for _, not := range []string{"<script", "href=", "@import", "url("} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestNeededImagesLeaveOutWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ManifestPath, "services:\n  web: {image: 'a/web:1', build: .}\n  db: {image: 'postgres:17.10'}\n  proxy: {image: 'traefik:v3'}\n")
	write(t, dir, monitoringDefaults, "monitoring_components: [grafana, node-exporter]\nmonitoring_grafana_image: g/grafana:1\nmonitoring_node_exporter_image: p/ne:1\n")
	needed, err := NeededImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"postgres:17.10", "traefik:v3", "g/grafana:1", "p/ne:1"}; !slices.Equal(needed.Refs(), want) {
		t.Errorf("needed %q, want %q", needed.Refs(), want)
	}
	vars, notRun := needed.Without(map[string]string{"g/grafana:1": "g/grafana:1 is not available"})
	if want := map[string]any{"monitoring_components": []string{"node-exporter"}}; !reflect.DeepEqual(vars, want) {
		t.Errorf("variables %v, want %v", vars, want)
	}
	if want := []string{"grafana: g/grafana:1 is not available"}; !slices.Equal(notRun, want) {
		t.Errorf("not run %q, want %q", notRun, want)
	}
	if vars, notRun := needed.Without(nil); vars != nil || notRun != nil {
		t.Errorf("nothing is missing, got %v, %v", vars, notRun)
	}
}

func TestPointManifestKeepsEverythingElse(t *testing.T) {
	original, err := os.ReadFile(filepath.Join("../..", ManifestPath))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := write(t, dir, ManifestPath, string(original))
	if err := pointManifest(path, "registry.local:5000/team"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	images, err := manifest.Images(text)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(images["cv-backend"], "registry.local:5000/team/backend:") || images["traefik"] == "" {
		t.Errorf("images are %v", images)
	}
	// What a person who follows the same instruction writes.
	want := string(original)
	own, err := ownImages(filepath.Join("../..", ManifestPath))
	if err != nil || len(own) < 2 {
		t.Fatalf("the manifest builds %v, %v", own, err)
	}
	for service, image := range own {
		want = texttest.Replace(t, want, "image: "+image, "image: "+images[service])
	}
	if string(text) != want {
		t.Errorf("the manifest became\n%s\nwant\n%s", text, want)
	}
}

func TestDeployEnvMeetsTheManifest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("../..", ManifestPath))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredentials()
	if err != nil {
		t.Fatal(err)
	}
	given := []string{"DOMAIN"} // by the stage, from Terraform's outputs
	for line := range strings.Lines(deployEnv(c).Reveal()) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); value != "" {
			given = append(given, name)
		}
	}
	var required []string
	for _, match := range regexp.MustCompile(`\$\{(\w+):?\?`).FindAllStringSubmatch(string(text), -1) {
		required = append(required, match[1])
	}
	slices.Sort(given)
	slices.Sort(required)
	if required = slices.Compact(required); !slices.Equal(given, required) {
		t.Errorf("the manifest requires %v, a rehearsal gives %v", required, given)
	}
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
