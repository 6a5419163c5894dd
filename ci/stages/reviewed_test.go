package stages

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

var (
	commitA = strings.Repeat("a", 40)
	commitB = strings.Repeat("b", 40)
	mergeM  = strings.Repeat("1", 40)
	mergeN  = strings.Repeat("2", 40)

	alice   = githubtest.User{Login: "alice", ID: 3, Type: "User"}
	mallory = githubtest.User{Login: "mallory", ID: 4, Type: "User"}

	reviewKey = secret.New("a key that only the repository has")
)

// permissionsOf reads what the token of a job may do from the workflow that is shipped.
func permissionsOf(t *testing.T, file, job string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../.github/workflows", file))
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct{ Permissions map[string]string }
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil || workflow.Jobs[job].Permissions == nil {
		t.Fatalf("%s has no permissions for %s: %v", file, job, err)
	}
	return workflow.Jobs[job].Permissions
}

// court is a repository with a plan that is reviewed and applied.
type court struct {
	*testing.T
	double *githubtest.Server
	now    time.Time
	github GitHubOptions // with the token of the job that reviews
	apply  ApplyOptions
	folder string
	plan   planned
}

// onePlan is a plan folder that the tests of the attacks share, for it does not change.
func onePlan(t *testing.T) (TerraformOptions, string) {
	t.Helper()
	terraform := plainTerraform(t, `resource "terraform_data" "one" { input = 1 }`)
	folder := filepath.Join(t.TempDir(), "plan")
	if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: folder}); err != nil {
		t.Fatal(err)
	}
	return terraform, folder
}

func plainTerraform(t *testing.T, configuration string) TerraformOptions {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("needs terraform")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_CLI_CONFIG_FILE", os.DevNull)
	return TerraformOptions{Dir: dir}
}

// sit opens pull request 1 with head commitA for the plan in folder.
func sit(t *testing.T, terraform TerraformOptions, folder string) *court {
	t.Helper()
	c := &court{T: t, now: time.Now(), folder: folder}
	c.double = githubtest.New(githubtest.Options{Token: "driver", Repo: "owner/shop", Now: func() time.Time { return c.now }})
	server := httptest.NewServer(c.double)
	t.Cleanup(server.Close)
	c.github = GitHubOptions{Repo: "owner/shop", APIURL: server.URL, Token: c.double.AddToken(permissionsOf(t, "terraform-review.yml", "review"))}
	c.apply = ApplyOptions{Terraform: terraform, GitHub: c.github, Commit: mergeM}
	c.apply.GitHub.Token = c.double.AddToken(permissionsOf(t, "terraform-apply.yml", "provision"))
	var err error
	if c.plan, _, err = readPlan(folder); err != nil {
		t.Fatal(err)
	}
	c.double.OpenPull(0, "change", "change", "infra_main", commitA)
	return c
}

func (c *court) tick() { c.now = c.now.Add(time.Second) }

// review writes the comment of a pull request, as the shipped job does.
func (c *court) review(pull int, commit string) string {
	c.Helper()
	c.tick()
	r, err := Review(c.Context(), ReviewOptions{Terraform: c.apply.Terraform, PlanDir: c.folder, GitHub: c.github, PullRequest: pull, Commit: commit})
	if err != nil {
		c.Fatal(err)
	}
	c.tick()
	return r.Text
}

func (c *court) approve(user githubtest.User, state string) {
	c.tick()
	c.double.AddReview(1, githubtest.Review{User: user, State: state, CanPush: user != mallory})
}

func (c *court) keyed() { c.apply.Terraform.ReviewKey = reviewKey }

// bot writes as any workflow of the repository can.
func (c *court) bot(pull int, body string) {
	c.tick()
	c.double.AddComment(pull, githubtest.ActionsBot, body)
}

func (c *court) botEdits(body string) {
	c.tick()
	c.double.EditComment(1, githubtest.ActionsBot, body)
}

func (c *court) merge(commit string, rebased ...string) {
	c.Helper()
	c.tick()
	if !c.double.MergePull(1, commit, rebased...) {
		c.Fatal("the pull request cannot be merged")
	}
}

// forged is the text of a review with another plan's fingerprint.
func forged(t *testing.T, body string) string {
	t.Helper()
	fingerprint, found := review.ParseFingerprint(body)
	if !found {
		t.Fatal("there is no fingerprint to forge")
	}
	return texttest.Replace(t, body, fingerprint, zeros)
}

func TestWhoSaysThatAPlanWasReviewed(t *testing.T) {
	terraform, folder := onePlan(t)
	for name, test := range map[string]struct {
		do   func(*court)
		want []string // of the refusal; none where the review counts
		told bool     // whether the pull request hears of it
	}{
		"merged": {do: func(c *court) { c.review(1, commitA); c.merge(mergeM) }},
		"squashed": {do: func(c *court) { // one new commit, which the head is no parent of
			c.double.OpenPull(1, "change", "change", "infra_main", commitB)
			c.review(1, commitB)
			c.merge(mergeM)
		}},
		"rebased, the last commit": {do: func(c *court) { c.review(1, commitA); c.merge(mergeM, mergeN) }},
		"rebased, an earlier commit": {do: func(c *court) { c.review(1, commitA); c.merge(mergeN, mergeM) },
			want: []string{"a part of pull request 1 and not its merge commit, which is " + mergeN}},
		"reviewed twice": {do: func(c *court) {
			c.review(1, commitA)
			c.double.OpenPull(1, "change", "change", "infra_main", commitB)
			c.review(1, commitB)
			c.merge(mergeM)
		}},
		"no pull request": {do: func(c *court) { c.review(1, commitA) }, want: []string{"commit " + mergeM + " came with no merged pull request"}},
		"no comment":      {do: func(c *court) { c.merge(mergeM) }, want: []string{"pull request 1 has no review comment by github-actions[bot]", "--review-author"}},
		"signed":          {do: func(c *court) { c.keyed(); c.review(1, commitA); c.merge(mergeM) }},
		"forged by a person": {do: func(c *court) {
			c.double.AddComment(1, mallory, forged(c.T, c.review(1, commitA)))
			c.merge(mergeM)
		}},
		"forged second comment": {told: true, do: func(c *court) { c.bot(1, forged(c.T, c.review(1, commitA))); c.merge(mergeM) },
			want: []string{"2 comments that say they are this review", "delete ", "/pull/1#issuecomment-2", "run this again"}},
		"forged first comment, signed second": {told: true, do: func(c *court) {
			c.bot(1, "later")
			c.keyed()
			body := c.review(1, commitA)
			c.botEdits(forged(c.T, body))
			c.merge(mergeM)
		}, want: []string{"2 comments", "delete ", "/pull/1#issuecomment-1 (of "}},
		"edited by a person": {told: true, do: func(c *court) {
			body := c.review(1, commitA)
			c.tick()
			c.double.EditComment(1, mallory, forged(c.T, body))
			c.merge(mergeM)
		}, want: []string{"was edited by mallory at 2", "run the review of the pull request again"}},
		"edited by a person, to what it was": {told: true, do: func(c *court) {
			c.double.EditComment(1, mallory, c.review(1, commitA))
			c.merge(mergeM)
		}, want: []string{"was edited by mallory"}},
		"edited by a person, then reviewed again": {do: func(c *court) {
			body := c.review(1, commitA)
			c.double.EditComment(1, mallory, forged(c.T, body))
			c.review(1, commitA)
			c.merge(mergeM)
		}},
		"forged by another workflow, no key": {told: true, do: func(c *court) { c.keyed(); c.botEdits(forged(c.T, c.review(1, commitA))); c.merge(mergeM) },
			want: []string{"does not fit repository owner/shop, pull request 1, directory ", "GITOPS_REVIEW_KEY"}},
		"another record beside the fingerprint": {told: true, do: func(c *court) {
			c.keyed()
			body := c.review(1, commitA)
			c.botEdits(texttest.Replace(c.T, body, review.RecordLine(body), "<!-- gitops:record eJyqVspPU7IyqOUCBAAA//8N/wKG -->"))
			c.merge(mergeM)
		}, want: []string{"does not fit repository owner/shop, pull request 1, directory "}},
		"forged by another workflow, which signs nothing": {told: true, do: func(c *court) {
			c.bot(1, c.review(1, commitA))
			c.double.DeleteComment(1)
			c.keyed()
			c.merge(mergeM)
		}, want: []string{"is not signed, and a review key is given here", "Set GITOPS_REVIEW_KEY where review runs"}},
		"signed with another key": {told: true, do: func(c *court) {
			c.apply.Terraform.ReviewKey = secret.New("mine")
			c.review(1, commitA)
			c.keyed()
			c.merge(mergeM)
		}, want: []string{"does not fit"}},
		"signed, and no key here": {told: true, do: func(c *court) {
			c.keyed()
			c.review(1, commitA)
			c.apply.Terraform.ReviewKey = secret.Value{}
			c.merge(mergeM)
		}, want: []string{"was signed with a review key, and none is given here: set GITOPS_REVIEW_KEY"}},
		"comment of another pull request, signed": {told: true, do: func(c *court) {
			c.keyed()
			c.double.OpenPull(0, "other", "other", "infra_main", commitA)
			c.bot(1, c.review(2, commitA))
			c.merge(mergeM)
		}, want: []string{"does not fit repository owner/shop, pull request 1", "copied from elsewhere"}},
		"comment of another pull request": {told: true, do: func(c *court) {
			c.double.OpenPull(0, "other", "other", "infra_main", commitB)
			c.bot(1, c.review(2, commitB))
			c.merge(mergeM)
		}, want: []string{"is of commit " + commitB, "merged at " + commitA}},
		"merged into another branch": {do: func(c *court) {
			c.double.OpenPull(1, "change", "change", "staging", commitA)
			c.review(1, commitA)
			c.merge(mergeM)
		}, want: []string{"was merged into staging, and what is applied is infra_main", "--infra-branch"}},
		"merged into the branch that is named": {do: func(c *court) {
			c.double.OpenPull(1, "change", "change", "staging", commitA)
			c.review(1, commitA)
			c.apply.Branch = "staging"
			c.merge(mergeM)
		}},
		"a commit in a merged pull request": {do: func(c *court) {
			c.review(1, commitA)
			c.merge(mergeM)
			c.apply.Commit = commitA
		}, want: []string{"commit " + commitA + " is a part of pull request 1 and not its merge commit, which is " + mergeM}},
		"pushed after the review": {told: true, do: func(c *court) {
			c.review(1, commitA)
			c.double.OpenPull(1, "change", "change", "infra_main", commitB)
			c.merge(mergeM)
		}, want: []string{"is of commit " + commitA, "merged at " + commitB + ", which was pushed after it"}},
		"no commit": {told: true, do: func(c *court) { c.review(1, ""); c.merge(mergeM) },
			want: []string{"does not say which commit was planned", "review with --commit"}},
		"another token's review": {do: func(c *court) {
			c.bot(1, strings.Replace(c.review(1, commitA), "gitops:review", "gitops:other", 1))
			c.double.AddComment(1, alice, "talk")
			c.merge(mergeM)
			c.apply.ReviewAuthor = "robot"
		}, want: []string{"pull request 1 has no review comment by robot"}},
		"approved": {do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.approve(alice, "APPROVED")
			c.merge(mergeM)
		}},
		"approved after the merge": {do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.merge(mergeM)
			c.approve(alice, "APPROVED")
		}},
		"approved before the plan": {told: true, do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.approve(alice, "APPROVED")
			c.review(1, commitA)
			c.merge(mergeM)
		}, want: []string{"not approved as it was planned (--require-approval)", "alice approved at 2", "before the plan's comment got its text"}},
		"approved before a push": {told: true, do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.approve(alice, "APPROVED")
			c.double.OpenPull(1, "change", "change", "infra_main", commitB)
			c.review(1, commitB)
			c.merge(mergeM)
		}, want: []string{"alice approved commit " + commitA + ", and not the head " + commitB}},
		"approved by who may not push": {told: true, do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.approve(mallory, "APPROVED")
			c.approve(githubtest.ActionsBot, "APPROVED")
			c.merge(mergeM)
		}, want: []string{"no person who may push approved it", "Approve the pull request now"}},
		"changes wanted": {told: true, do: func(c *court) {
			c.apply.RequireApproval = true
			c.review(1, commitA)
			c.approve(githubtest.User{Login: "bob", Type: "User"}, "APPROVED")
			c.approve(alice, "CHANGES_REQUESTED")
			c.merge(mergeM)
		}, want: []string{"alice asked for changes in pull request 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t, terraform, folder)
			test.do(c)
			r, err := c.apply.reviewed(t.Context(), c.plan)
			c.judge(r.where, err, test.want)
			c.heard(test.told, test.want)
		})
	}
}

// judge holds what apply makes of a review against the wanted words of its refusal.
func (c *court) judge(where string, err error, want []string) {
	c.Helper()
	if want == nil {
		if err != nil || where != "pull request 1" {
			c.Errorf("the review does not count: %q, %v", where, err)
		}
		return
	}
	if progress.ExitCode(err) != progress.ExitRefused {
		c.Fatalf("got %q, %v, want a refusal", where, err)
	}
	for _, words := range want {
		if !strings.Contains(err.Error(), words) {
			c.Errorf("%q is not in\n%v", words, err)
		}
	}
}

// heard checks that the pull request was told with the token of the job that applies.
func (c *court) heard(told bool, want []string) {
	c.Helper()
	var refusals []string
	for _, comment := range c.double.State().Comments {
		if strings.HasPrefix(comment.Body, "<!-- gitops:refusal ") {
			refusals = append(refusals, comment.Body)
		}
	}
	if !told && len(refusals) > 0 || told && len(refusals) != 1 {
		c.Fatalf("the pull request was told %q", refusals)
	}
	for _, words := range want {
		if told && !strings.Contains(refusals[0], words) {
			c.Errorf("%q is not in what the pull request was told:\n%s", words, refusals[0])
		}
	}
}

// A review that somebody tampered with is not "no review": --accept-unreviewed is for
// changes that never had one.
func TestAcceptUnreviewedAcceptsNoForgery(t *testing.T) {
	terraform, folder := onePlan(t)
	c := sit(t, terraform, folder)
	c.apply.AcceptUnreviewed = true
	c.bot(1, forged(t, c.review(1, commitA)))
	c.merge(mergeM)
	if r, err := c.apply.reviewed(t.Context(), c.plan); progress.ExitCode(err) != progress.ExitRefused {
		t.Errorf("two comments: %q, %v", r.where, err)
	}
	c = sit(t, terraform, folder)
	c.apply.AcceptUnreviewed = true
	c.merge(mergeM)
	if r, err := c.apply.reviewed(t.Context(), c.plan); err != nil || r.where != "" {
		t.Errorf("no comment: %q, %v", r.where, err)
	}
}

// With a token that only reads, the refusal stays one: it just is not told.
func TestRefusalWithATokenThatOnlyReads(t *testing.T) {
	terraform, folder := onePlan(t)
	c := sit(t, terraform, folder)
	c.bot(1, forged(t, c.review(1, commitA)))
	c.merge(mergeM)
	c.apply.GitHub.Token = c.double.AddToken(map[string]string{"contents": "read", "pull-requests": "read"})
	var said strings.Builder
	c.apply.Output.Progress = progress.NewProgress(&said)
	_, err := c.apply.reviewed(t.Context(), c.plan)
	c.judge("", err, []string{"2 comments"})
	c.heard(false, nil)
	if !strings.Contains(said.String(), "`pull-requests: write`") {
		t.Errorf("said %q", said.String())
	}
}

// Where GitHub does not tell who edited the comment, it does not count.
func TestNoAnswerIsNoTrust(t *testing.T) {
	terraform, folder := onePlan(t)
	c := sit(t, terraform, folder)
	c.review(1, commitA)
	c.merge(mergeM)
	for _, fault := range []githubtest.Fault{
		{Times: 2, Path: "/graphql", Status: 404, Message: "Not Found"},
		{Times: 2, Path: "/graphql", Status: 200, Message: "no data"},
	} {
		c.double.Inject(fault)
		if r, err := c.apply.reviewed(t.Context(), c.plan); err == nil {
			t.Errorf("after %d it is applied as reviewed in %q", fault.Status, r.where)
		}
	}
}

// A workflow of a pull request reviews the commit that GitHub tries the merge with, if
// it names none.
func TestReviewOfTheMergeIsOfItsHead(t *testing.T) {
	terraform, folder := onePlan(t)
	c := sit(t, terraform, folder)
	c.double.TryMerge(1, commitB)
	c.review(1, commitB)
	c.merge(mergeM)
	r, err := c.apply.reviewed(t.Context(), c.plan)
	c.judge(r.where, err, nil)
}

// What the policy forbids is allowed by what GitHub says of the pull request.
func TestThePullRequestAllows(t *testing.T) {
	for name, one := range map[string]struct {
		policy review.Policy
		wrong  func(*court) // does not allow it
		right  func(*court)
	}{
		"a label": {
			review.Policy{NoDestroy: []string{"aws_db_instance"}},
			func(c *court) { c.double.Relabel(1, "urgent") },
			func(c *court) { c.double.Relabel(1, "urgent", "allow-destroy") },
		},
		"an approval": {
			review.Policy{MaxCost: "0.01", CostApproval: []string{alice.Login}},
			func(c *court) {
				c.double.AddReview(1, githubtest.Review{User: mallory, State: "APPROVED", CanPush: true})
			},
			func(c *court) {
				c.double.AddReview(1, githubtest.Review{User: alice, State: "APPROVED", CanPush: true})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			terraform, folder := onePlan(t)
			c := sit(t, terraform, folder)
			o := ReviewOptions{
				Plan: "../review/testdata/plans/aws.json", Cost: "../cost/testdata/v01.json", GitHub: c.github, PullRequest: 1, Commit: commitA,
				Terraform: terraform, Policy: one.policy,
			}
			if one.policy.MaxCost == "" {
				o.Plan, o.Cost = "../review/testdata/plans/shop.json", "../cost/testdata/shop.json"
			}
			one.wrong(c)
			if _, err := Review(t.Context(), o); progress.ExitCode(err) != progress.ExitRefused {
				t.Errorf("%v, want a refusal", err)
			}
			one.right(c)
			if r, err := Review(t.Context(), o); err != nil || len(r.Violations) > 0 {
				t.Errorf("%v, %v, want none", err, r.Violations)
			}
		})
	}
}
