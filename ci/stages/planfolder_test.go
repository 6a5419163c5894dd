package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
)

const smallPlan = `{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"a","change":{"actions":["create"]}}]}`

// folder makes a plan folder as gitops plan writes it, and changes it: a file gets
// content, or is removed where that is empty.
func folder(t *testing.T, changes map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plan")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		planJSON: smallPlan, planText: "a.b will be created\n",
	}
	if plan, changed := changes[planJSON]; changed {
		files[planJSON] = plan
	}
	files[planEffects], files[planMeta] = bind(files[planJSON])
	for name, content := range changes {
		files[name] = content
	}
	for name, content := range files {
		if content == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// bind is what gitops plan writes beside a plan.
func bind(text string) (effects, result string) {
	plan, err := review.ParsePlan([]byte(text))
	if err != nil {
		plan = nil
	}
	o := review.Observe(plan, review.Extra{})
	data, _ := json.Marshal(bound{o.Record, o.Masks})
	return string(data), meta(o.Fingerprint.String())
}

func meta(fingerprint string) string {
	return fmt.Sprintf(`{"changes":true,"fingerprint":"%s","workspace":"default"}`, fingerprint)
}

// zeros is a fingerprint of nothing.
var zeros = "sha256:" + strings.Repeat("0", 64) + "." + strings.Repeat("0", 64)

// A pull request's job writes the folder that review reads.
func TestWrongPlanFoldersAreBadInput(t *testing.T) {
	_, made := bind(smallPlan)
	for name, test := range map[string]struct {
		changes map[string]string
		said    string
	}{
		"nothing":                 {map[string]string{planMeta: ""}, "result.json: no such file"},
		"no plan":                 {map[string]string{planJSON: ""}, "plan.json: no such file"},
		"no text":                 {map[string]string{planText: ""}, "plan.txt: no such file"},
		"no JSON":                 {map[string]string{planJSON: "@octocat $(id)"}, "reading plan.json: reading plan JSON: invalid character '@'"},
		"another JSON":            {map[string]string{planJSON: "[]"}, "cannot unmarshal array"},
		"null":                    {map[string]string{planJSON: "null"}, "format version is missing"},
		"deep":                    {map[string]string{planJSON: strings.Repeat("[", 1e6)}, "exceeded max depth"},
		"wrong types":             {map[string]string{planMeta: `{"fingerprint": ["sha256:"]}`}, "reading result.json"},
		"no fingerprint":          {map[string]string{planMeta: "null"}, `the fingerprint is ""`},
		"a fingerprint with HTML": {map[string]string{planMeta: meta(zeros + " --><h1>@octocat")}, "and must be sha256: with 64 digits"},
		"effects of another type": {map[string]string{planEffects: `{"record": 1}`}, "reading effects.json"},
		"an unknown action":       {map[string]string{planEffects: `{"record":{"effects":[{"a":"a.b","k":"::add-mask::"}]}}`}, `the action "::add-mask::"`},
		"a wrong digest":          {map[string]string{planEffects: `{"record":{"inputs":[{"k":"file","n":"x","d":"@octocat"}]}}`}, `the digest "@octocat"`},
		"a wrong key":             {map[string]string{planEffects: `{"record":{"key":"@octocat"}}`}, `the key "@octocat"`},
		"a wrong mask":            {map[string]string{planEffects: `{"record":{},"masks":{"r0/x":"@octocat"}}`}, `the mask "@octocat"`},
		"another fingerprint":     {map[string]string{planMeta: meta(zeros)}, "the folder contradicts itself: result.json says " + zeros},
		"another plan":            {map[string]string{planEffects: `{"record":{"inputs":[{"k":"workspace","v":"x"}]}}`}, "the folder contradicts itself"},
		"a run that is made up":   {map[string]string{planMeta: strings.Replace(made, "{", `{"runs":[{"kind":"local-exec","address":"a.b","text":"true"}],`, 1)}, "says that the configuration runs"},
		"huge":                    {map[string]string{planMeta: meta(strings.Repeat("0", 4<<20))}, "more than the 4194304"},
		"a huge error":            {map[string]string{planError: strings.Repeat("0", 1<<20+1)}, "error.txt has 1048577 bytes"},
	} {
		t.Run(name, func(t *testing.T) { badInput(t, folder(t, test.changes), test.said) })
	}
}

func badInput(t *testing.T, dir, said string) {
	t.Helper()
	r, err := Review(t.Context(), ReviewOptions{PlanDir: dir, Out: filepath.Join(t.TempDir(), "review.md")})
	if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), said) || r.Text != "" {
		t.Errorf("%.1000v, want exit 2 and %q; the result is %.1000v", err, said, r)
	}
}

// Only plain files are opened.
func TestLinksInAPlanFolderAreNotFollowed(t *testing.T) {
	for _, name := range []string{planJSON, planText, planEffects, planMeta, planError} {
		for kind, make := range map[string]func(string) error{
			"link out":    func(path string) error { return os.Symlink("../outside", path) },
			"link inside": func(path string) error { return os.Symlink("other", path) },
			"link abroad": func(path string) error { return os.Symlink("/proc/self/environ", path) },
			"pipe":        func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"folder":      func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				dir := folder(t, map[string]string{name: "", "other": "{}", "../outside": "secret"})
				if err := make(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				badInput(t, dir, name+" is not a plain file")
			})
		}
	}
}

// A folder that was written twice has the results of two runs: the error counts, and
// the comment says so.
func TestAnErrorBesideAPlanCounts(t *testing.T) {
	const said = "the quota is used up\n```\n<h1>@octocat</h1>\n::error::x"
	r, err := Review(t.Context(), ReviewOptions{PlanDir: folder(t, map[string]string{planError: said})})
	if progress.ExitCode(err) != progress.ExitFailed || r.Fingerprint != "" {
		t.Errorf("%v, %+v", err, r)
	}
	for _, part := range []string{"plan` failed", "````text\nthe quota is used up\n```\n<h1>", "The folder has a plan as well, result.json, of another run. It is not shown: error.txt counts."} {
		if !strings.Contains(r.Text, part) {
			t.Errorf("no %q in\n%s", part, r.Text)
		}
	}
	if _, found := review.ParseFingerprint(r.Text); found {
		t.Error("a failed plan has a fingerprint")
	}
	if r, err = Review(t.Context(), ReviewOptions{PlanDir: folder(t, nil)}); err != nil || r.Headline != "1 to add" {
		t.Errorf("without the error: %v, %+v", err, r)
	}
}

// Plan leaves nothing of an earlier plan, whichever of the two failed.
func TestPlanLeavesNoEarlierResult(t *testing.T) {
	terraform := unmarkedTerraform(t)
	dir := folder(t, map[string]string{planError: "of yesterday", "mine": "stays"})
	if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, planError)); err == nil {
		t.Error("an old error is beside the plan")
	}
	t.Setenv("TF_VAR_size", "no number")
	if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: dir}); err == nil {
		t.Fatal("a wrong variable is planned")
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	// An empty tfplan was made for the owner alone, before Terraform began.
	if want := strings.Join([]string{dir + "/error.txt", dir + "/mine", dir + "/tfplan"}, " "); err != nil || strings.Join(found, " ") != want {
		t.Errorf("the folder has %v, %v, want %s", found, err, want)
	}
}

// A large plan of hostile texts is rendered, within GitHub's limit.
func TestALargeHostilePlanIsRendered(t *testing.T) {
	const change = `{"address":"a.b[\"-->@octocat|<script>\"]","type":"a","change":{"actions":["create","delete","x"],"replace_paths":[["@octocat"]]}}`
	var plan bytes.Buffer
	plan.WriteString(`{"format_version":"1.2","resource_changes":[` + change)
	for range 50_000 {
		plan.WriteString("," + change)
	}
	plan.WriteString("]}")
	r, err := Review(t.Context(), ReviewOptions{PlanDir: folder(t, map[string]string{planJSON: plan.String(), planText: strings.Repeat("```\n@octocat <b>\n", 1e5)})})
	if err != nil || len(r.Text) > review.Limit || !strings.Contains(r.Text, "and 49") {
		t.Errorf("%v, %d bytes\n%.3000s", err, len(r.Text), r.Text)
	}
}

// The cost of a plan is asked for beside a key.
func TestCostTakesAPlainFileOfAPlansSize(t *testing.T) {
	dir := folder(t, nil)
	large, pipe := filepath.Join(dir, "large"), filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, limits[planJSON]+1); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{dir, pipe, large} {
		_, err := Cost(t.Context(), CostOptions{Plan: file})
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "must be a plain file of at most") {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, _, err := readPlanJSON(large, nil); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a large plan: %v", err)
	}
}

// The comment names the providers that were planned with: the lock file that stands where
// the comment is written may be of another branch.
func TestTheCommentNamesTheProvidersOfThePlan(t *testing.T) {
	var c review.Comment
	p := planned{record: review.Record{Inputs: []review.Input{
		{Kind: infra.InputProvider, Name: "registry.terraform.io/hashicorp/aws", Value: "5.100.0"}, {Kind: infra.InputTerraform, Value: "1.11"},
	}}}
	p.show(&c)
	if !slices.Equal(c.Providers, []string{"hashicorp/aws 5.100.0"}) {
		t.Errorf("it names %q", c.Providers)
	}
}
