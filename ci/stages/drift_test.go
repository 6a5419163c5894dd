package stages

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gitops/ci/deploy"
	"gitops/ci/infra"
	"gitops/ci/lab/githubtest"
	"gitops/ci/progress"
)

// driftCourt is a repository with a token that may do what the shipped workflow's may,
// and more.
func driftCourt(t *testing.T, more ...string) (*githubtest.Server, DriftOptions) {
	t.Helper()
	double := githubtest.New(githubtest.Options{Token: "driver", Repo: "owner/shop"})
	server := httptest.NewServer(double)
	t.Cleanup(server.Close)
	may := permissionsOf(t, "drift.yml", "drift")
	for _, name := range more {
		may[name] = "write"
	}
	return double, DriftOptions{GitHub: GitHubOptions{Repo: "owner/shop", APIURL: server.URL, Token: double.AddToken(may), Run: "https://github.example/owner/shop/actions/runs/5"}}
}

var (
	changedTag = infra.Drifted{Address: `aws_instance.a["x"]`, Attributes: []string{"tags"}, Values: []infra.Value{{Path: "tags.Name", Before: `"web"`, After: `"hand"`}}}
	gone       = infra.Drifted{Address: "aws_eip.b", Deleted: true}
	hidden     = infra.Drifted{Address: "aws_ssm_parameter.c", Attributes: []string{"value"}, Values: []infra.Value{{Path: "value", Before: `"[REDACTED]"`, After: `"[REDACTED]"`}}}
	hostile    = infra.Drifted{Address: "aws_iam_policy.d", Values: []infra.Value{{Path: "name", Before: "\"`\n\n# @everyone `<img src=x>\"", After: `""`}}}
)

func TestDriftIssueNamesValues(t *testing.T) {
	_, o := driftCourt(t)
	text := o.issue(DriftResult{Drift: "both", Directories: []DirectoryDrift{
		{Dir: "network", Workspace: "default", Changes: []infra.Drifted{changedTag, gone}},
		{Dir: "data", Workspace: "staging", Changes: []infra.Drifted{hidden, hostile}},
	}, Host: []deploy.Finding{{Service: "web", Kind: deploy.DriftMissing}}}, false)
	for _, want := range []string{
		"<!-- gitops:drift -->\n\nWhat runs differs from what git says (both), seen 20", " by [this run](https://github.example/owner/shop/actions/runs/5).\n",
		"\n### Cloud: `network`, workspace `default`\n\n- `aws_instance.a[\"x\"]`\n  - `tags.Name`: `\"web\"` → `\"hand\"`\n- `aws_eip.b` is gone\n",
		"\n### Cloud: `data`, workspace `staging`\n\n- `aws_ssm_parameter.c`\n  - `value` changed; its value is sensitive\n",
		"  - `name`: `\"'  # @everyone '<img src=x>\"` → `\"\"`\n",
		"\n### Host, against the manifest\n\n- `web has no container`\n", "\nRun `provision` or `deploy` again",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "WARNING") || !strings.Contains(o.issue(DriftResult{}, true), "> [!WARNING]\n> Not everything") {
		t.Error("what could not be looked at is not told apart")
	}
}

func TestDriftIssueIsBounded(t *testing.T) {
	_, o := driftCourt(t)
	r := DriftResult{Drift: "both"}
	long := changedTag
	for i := range 100 {
		long.Values = append(long.Values, infra.Value{Path: fmt.Sprint("tags.", i), Before: strings.Repeat("é", 5000), After: "null"})
	}
	for dir := range 4 {
		d := DirectoryDrift{Dir: fmt.Sprint("dir", dir), Workspace: "default"}
		for range 2000 {
			d.Changes = append(d.Changes, changedTag, long)
		}
		r.Directories = append(r.Directories, d)
	}
	for range 5000 {
		r.Host = append(r.Host, deploy.Finding{Service: strings.Repeat("web", 20), Kind: deploy.DriftMissing})
	}
	text := o.issue(r, true)
	if len(text) > 65536 || len(text) < 40_000 || !utf8.ValidString(text) {
		t.Errorf("the issue has %d bytes", len(text))
	}
	for _, want := range []string{"### Cloud: `dir0`", "### Cloud: `dir3`", "### Host", "- … and 39", "- … and 4", "  - … and 81 more", "…`"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
}

// Two directories are looked at with real Terraform; one that cannot be is an error, and
// then the issue stays open.
func TestDriftOfSeveralDirectories(t *testing.T) {
	one := plainTerraform(t, `resource "terraform_data" "one" { input = 1 }`).Dir
	two := plainTerraform(t, `resource "terraform_data" "two" { input = 2 }`).Dir
	double, o := driftCourt(t)
	o.Dirs = []string{one, two}
	open := DriftResult{Drift: "cloud", Cloud: []string{"x"}, Directories: []DirectoryDrift{{Dir: one, Workspace: "default", Changes: []infra.Drifted{gone}}}}
	if err := o.tell(t.Context(), &open, false); err != nil || open.Issue == "" {
		t.Fatalf("the issue is not opened: %v", err)
	}
	if err := os.WriteFile(filepath.Join(two, "main.tf"), []byte(`resource "terraform_data" "two" { input = }`), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err := Drift(t.Context(), o); err == nil || !strings.Contains(err.Error(), "looking for drift in the cloud, "+two) || r.Issue != "" {
		t.Errorf("a broken directory: %+v, %v", r, err)
	}
	if state := double.State(); state.Issues[0].State != "open" || len(state.Comments) > 0 {
		t.Errorf("the issue is %+v", state.Issues[0])
	}
	o.Dirs = []string{one}
	r, err := Drift(t.Context(), o)
	if err != nil || r.Drift != "none" || r.Issue != open.Issue {
		t.Errorf("without drift: %+v, %v", r, err)
	}
	state := double.State()
	if state.Issues[0].State != "closed" || !strings.Contains(state.Issues[0].Body, "`aws_eip.b` is gone") {
		t.Errorf("the issue is %+v", state.Issues[0])
	}
	if len(state.Comments) != 1 || !strings.HasPrefix(state.Comments[0].Body, "The drift is gone: what runs is what git says, as seen 20") {
		t.Errorf("its last word is %+v", state.Comments)
	}
}

func TestFixAppliesNothingItself(t *testing.T) {
	drifted := DriftResult{Drift: "cloud", Cloud: []string{"x"}, Directories: []DirectoryDrift{{Dir: ".", Workspace: "default", Changes: []infra.Drifted{gone}}}}
	double, o := driftCourt(t, "contents", "pull-requests")
	double.SetBranch(DefaultBranch, "tree")
	o.Fix = FixByPullRequest
	for range 2 { // the next night too
		r := drifted
		if err := o.tell(t.Context(), &r, false); err != nil || !strings.HasSuffix(r.Fix, "/owner/shop/pull/1") {
			t.Errorf("%+v, %v", r, err)
		}
	}
	state := double.State()
	if len(state.Pulls) != 1 || state.Pulls[0].Base != DefaultBranch || len(state.Issues) != 1 || !strings.Contains(state.Issues[0].Body, "review and merge "+"http") {
		t.Errorf("%+v", state)
	}

	double, o = driftCourt(t, "actions")
	o.Fix, o.Branch = "undo.yml", "live"
	r := drifted
	if err := o.tell(t.Context(), &r, false); err != nil || fmt.Sprint(double.State().Dispatches) != "[{undo.yml live}]" {
		t.Errorf("dispatched %v, %v", double.State().Dispatches, err)
	}
	if len(double.State().Issues) != 1 || !strings.Contains(double.State().Issues[0].Body, "`undo.yml` was started") {
		t.Errorf("the issue is %+v", double.State().Issues)
	}
	host := DriftResult{Drift: "host", Host: []deploy.Finding{{Service: "web", Kind: deploy.DriftMissing}}}
	if err := o.tell(t.Context(), &host, false); err != nil || host.Fix != "" || len(double.State().Dispatches) != 1 {
		t.Errorf("drift of the host is undone by Terraform: %+v, %v", host, err)
	}

	// Without the permission the issue is written all the same, and the stage fails.
	double, o = driftCourt(t, "pull-requests")
	double.SetBranch(DefaultBranch, "tree")
	o.Fix = FixByPullRequest
	r = drifted
	if err := o.tell(t.Context(), &r, false); err == nil || !strings.Contains(err.Error(), "`contents: write`") || len(double.State().Issues) != 1 {
		t.Errorf("without permission: %v", err)
	}
}

func TestDriftThatCannotBeLookedFor(t *testing.T) {
	for want, o := range map[string]DriftOptions{
		"neither a Terraform directory nor a manifest": {},
		"give --host and --host-key":                   {Manifests: []string{"compose.yml"}},
		"--fix needs --github-repo":                    {Dirs: []string{"a"}, Fix: FixByPullRequest},
		"2 directories would have one state: write {dir} into --backend-config key=": {Dirs: []string{"a", "b"},
			Terraform: TerraformOptions{Backend: []string{"bucket=b", "key=secret-name"}}},
	} {
		_, err := Drift(t.Context(), o)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-name") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	o := DriftOptions{Dirs: []string{"./net", "data"}, Terraform: TerraformOptions{Backend: []string{"bucket=b", "key=x/{dir}.tfstate"}}}
	if err := o.checkBackend(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(o.terraform("./net").Backend, " "); got != "bucket=b key=x/net.tfstate" {
		t.Errorf("the backend is %s", got)
	}
}
