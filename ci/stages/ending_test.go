package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// halfway is a configuration of which an apply fails after one of two changes, until the
// file that a provisioner wants is there.
const halfway = `
variable "token" {
  type      = string
  sensitive = true
  default   = "a-token-that-is-marked"
}

resource "terraform_data" "one" {
  input = "one"
}

resource "terraform_data" "two" {
  input      = "two"
  depends_on = [terraform_data.one]
  provisioner "local-exec" {
    command = "test -e ${path.module}/ready"
  }
}

output "one" {
  value = "${terraform_data.one.id}|done"
}

output "token" {
  value     = var.token
  sensitive = true
}

output "static_ip" {
  value = "192.0.2.7"
}

output "ssh_user" {
  value = "ubuntu"
}

output "ssh_host_public_key" {
  value = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"
}
`

// approvedCourt reviews the present plan of a configuration with a key, and merges it with an
// approval.
func approvedCourt(t *testing.T, terraform TerraformOptions) *court {
	t.Helper()
	terraform.ReviewKey = reviewKey
	folder := filepath.Join(t.TempDir(), "plan")
	if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: folder}); err != nil {
		t.Fatal(err)
	}
	c := sit(t, terraform, folder)
	c.apply.RequireApproval = true
	c.apply.GitHub.Run = "https://github.example/owner/shop/actions/runs/77"
	c.review(1, commitA)
	c.approve(alice, "APPROVED")
	c.merge(mergeM)
	return c
}

func (c *court) wantIn(what, text string, want ...string) {
	c.Helper()
	for _, words := range want {
		if !strings.Contains(text, words) {
			c.Errorf("%q is not in %s:\n%.3000s", words, what, text)
		}
	}
}

func TestReviewTellsWhatBecameOfIt(t *testing.T) {
	terraform := plainTerraform(t, halfway)
	if err := os.WriteFile(filepath.Join(terraform.Dir, "ready"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := approvedCourt(t, terraform)
	before := c.double.State().Comments[0].Body
	if r, err := Apply(t.Context(), c.apply); err != nil || !r.Applied {
		t.Fatalf("%+v, %v", r, err)
	}
	state := c.double.State()
	body := state.Comments[0].Body
	c.wantIn("the comment", body, "> [!NOTE]\n> **Applied** 20", " · in ", " · commit `"+mergeM+"` · by [this run](https://github.example/owner/shop/actions/runs/77)",
		"> - output `one`: `none` → `\"", "`&#124;`done\"`", "> - output `token`: `none` → `[REDACTED]`")
	if len(state.Comments) != 1 || strings.Contains(body, "a-token-that-is-marked") {
		t.Errorf("there are %d comments, and the first is\n%s", len(state.Comments), body)
	}
	if strings.Join(strings.SplitN(body, "\n", 6)[:5], "\n") != strings.Join(strings.SplitN(before, "\n", 6)[:5], "\n") {
		t.Errorf("the hidden lines are\n%.2000s\nand were\n%.2000s", body, before)
	}
	if len(state.Statuses) != 1 {
		t.Fatalf("the statuses are %+v", state.Statuses)
	}
	s := state.Statuses[0]
	if s.SHA != mergeM || s.State != "success" || s.Description != "applied: 2 to add" || !strings.HasSuffix(s.TargetURL, "/owner/shop/pull/1#issuecomment-1") || s.Context != "gitops/apply "+terraform.Dir {
		t.Errorf("the commit says %+v", s)
	}
}

// After an apply that failed half-way the review still counts, with the approval that it
// had: the edit that told of the failure is gitops' own.
func TestReviewCountsForARerun(t *testing.T) {
	c := approvedCourt(t, plainTerraform(t, halfway))
	if _, err := Apply(t.Context(), c.apply); progress.ExitCode(err) != progress.ExitFailed {
		t.Fatalf("the apply did not fail half-way: %v", err)
	}
	state := c.double.State()
	c.wantIn("the comment", state.Comments[0].Body, "> [!WARNING]\n> **Applied 1 of 2, rerun allowed**")
	if len(state.Statuses) != 1 || state.Statuses[0].State != "failure" {
		t.Errorf("the statuses are %+v", state.Statuses)
	}
	for range 2 {
		c.tick()
		f, err := c.apply.findReview(t.Context(), c.plan)
		if err != nil || f.fingerprint != c.plan.Fingerprint {
			t.Fatalf("the review does not count any more: %+v, %v", f, err)
		}
		c.apply.end(t.Context(), f, c.plan, ApplyResult{Done: 1, Of: 2}, c.now, true)
		c.wantIn("the comment", c.double.State().Comments[0].Body, "**Applied 1 of 2, rerun allowed**")
	}
	if got := c.double.State().Statuses[2].Description; got != "applied 1 of 2, rerun allowed" {
		t.Errorf("the commit says %q", got)
	}
	// Without the key nobody moves the time that approvals are held against.
	body := c.double.State().Comments[0].Body
	seals := review.ParseSeals(body)
	c.botEdits(strings.Replace(body, seals.Reviewed.UTC().Format("2006-01-02T15"), "2001-01-01T15", 1))
	_, err := c.apply.findReview(t.Context(), c.plan)
	c.judge("", err, []string{"tells of an apply, with a signature that does not fit"})
}

// An ending takes nothing from a review that was written anew during the apply.
func TestEndingLeavesAnotherReviewAlone(t *testing.T) {
	terraform, folder := onePlan(t)
	for name, change := range map[string]func(*court){
		"reviewed again":       func(c *court) { c.review(1, commitB) },
		"edited by a person":   func(c *court) { c.double.EditComment(1, mallory, "x") },
		"deleted":              func(c *court) { c.double.DeleteComment(1) },
		"another token's":      func(c *court) { c.apply.ReviewAuthor = "github-actions[bot]" },
		"the token only reads": func(c *court) { c.apply.GitHub.Token = c.double.AddToken(map[string]string{"pull-requests": "read"}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t, terraform, folder)
			c.review(1, commitA)
			c.merge(mergeM)
			f, err := c.apply.findReview(t.Context(), c.plan)
			if err != nil {
				t.Fatal(err)
			}
			change(c)
			before := c.double.State().Comments
			c.apply.end(t.Context(), f, c.plan, ApplyResult{}, c.now, false)
			after := c.double.State().Comments
			reads := name == "the token only reads"
			if len(before) > 0 && after[0].Body != before[0].Body {
				t.Errorf("the comment became\n%s", after[0].Body)
			}
			if reads && len(after) != len(before) || !reads && (len(after) != len(before)+1 || !strings.Contains(after[len(after)-1].Body, "> **Applied**")) {
				t.Errorf("the comments are %+v", after)
			}
		})
	}
}

func TestRunWithoutGitHubTellsNobody(t *testing.T) {
	terraform, folder := onePlan(t)
	c := sit(t, terraform, folder)
	c.apply.GitHub = GitHubOptions{Repo: "owner/shop", APIURL: c.github.APIURL, Token: secret.Value{}}
	c.apply.end(t.Context(), found{}, c.plan, ApplyResult{}, c.now, false)
	if requests := c.double.Requests(); len(requests) > 0 {
		t.Errorf("it asked %v", requests)
	}
	// A fingerprint by hand has no comment, and its commit is told all the same.
	c.apply.GitHub = c.github
	c.apply.GitHub.Token = c.double.AddToken(permissionsOf(t, "terraform-apply.yml", "provision"))
	c.apply.end(t.Context(), found{where: "--reviewed"}, c.plan, ApplyResult{}, c.now, false)
	if state := c.double.State(); len(state.Statuses) != 1 || len(state.Comments) != 0 {
		t.Errorf("told %+v", state)
	}
}
