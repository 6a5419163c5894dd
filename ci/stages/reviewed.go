package stages

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"gitops/ci/github"
	"gitops/ci/progress"
	"gitops/ci/review"
)

// DefaultBranch is the branch that infrastructure is applied from.
const DefaultBranch = "infra_main"

// found is a review that was looked for.
type found struct {
	where       string // where it is; without a fingerprint, why there is none
	fingerprint string
	body        string // of the comment
	pull        int

	comment github.Written
	signed  review.Signed // what the comment must be about
	since   time.Time     // when the review got its text
}

// untrusted is a review that is there and does not count. Nothing is applied then, not
// with --accept-unreviewed either: somebody may have hidden the real one.
func untrusted(format string, args ...any) error {
	return progress.Refused("refusing to apply: "+format, args...)
}

// findReview looks for the review of the plan. It refuses one that does not count, and
// says so on its pull request too.
func (o ApplyOptions) findReview(ctx context.Context, p planned) (found, error) {
	if o.Reviewed != "" {
		return byHand(o.Reviewed)
	}
	if o.GitHub.Repo == "" || o.Commit == "" {
		return found{where: "neither --reviewed nor --github-repo with --commit was given"}, nil
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return found{}, err
	}
	pull, merged, err := client.MergedPullRequest(ctx, o.Commit, o.branch())
	if err != nil {
		return found{}, err
	}
	if why := o.notMerged(pull, merged); why != "" {
		return found{where: why}, nil
	}
	r, err := o.findComment(ctx, client, pull, p)
	if err == nil && r.fingerprint != "" {
		err = o.trust(ctx, client, pull, &r)
	}
	if progress.ExitCode(err) == progress.ExitRefused {
		body := review.RenderUntrusted(o.Terraform.Dir, p.Workspace, err.Error(), o.Output.Redactor)
		o.tellPull(ctx, pull.Number, review.RefusalMarker(o.Terraform.Dir, p.Workspace), body)
	}
	return r, err
}

// byHand reads what --reviewed gives: a fingerprint, or the file of a review.
func byHand(text string) (found, error) {
	if review.IsFingerprint(text) {
		return found{where: "--reviewed", fingerprint: text}, nil
	}
	body, err := os.ReadFile(text)
	if err != nil {
		_, err := review.ReadFingerprint(text)
		return found{}, fmt.Errorf("reading --reviewed: %w; it can also be the file that gitops review --out wrote", err)
	}
	r := found{where: "--reviewed " + text, body: string(body)}
	var ok bool
	if r.fingerprint, ok = review.ParseFingerprint(r.body); !ok {
		return found{}, progress.Invalid("reading --reviewed: %s has no fingerprint: give the file that gitops review --out wrote of a plan", text)
	}
	return r, nil
}

// branch returns the branch that is applied.
func (o ApplyOptions) branch() string { return cmp.Or(o.Branch, DefaultBranch) }

// notMerged says why a commit is not what a pull request made of the branch; empty
// where it is.
func (o ApplyOptions) notMerged(pull github.Merged, merged bool) string {
	switch {
	case !merged:
		return fmt.Sprintf("commit %s came with no merged pull request", o.Commit)
	case pull.MergeCommit != o.Commit:
		return fmt.Sprintf("commit %s is a part of pull request %d and not its merge commit, which is %s: apply that one", o.Commit, pull.Number, pull.MergeCommit)
	case pull.Base != o.branch():
		return fmt.Sprintf("pull request %d was merged into %s, and what is applied is %s: open one to %s, or give --infra-branch", pull.Number, pull.Base, o.branch(), o.branch())
	}
	return ""
}

// findComment finds the one comment of the review, and refuses two.
func (o ApplyOptions) findComment(ctx context.Context, client *github.Client, pull github.Merged, p planned) (found, error) {
	r := found{pull: pull.Number, where: fmt.Sprintf("pull request %d", pull.Number)}
	r.signed = review.Signed{
		Repository: o.GitHub.Repo, PullRequest: pull.Number, Dir: o.Terraform.Dir, Workspace: p.Workspace, Commit: pull.Head,
	}
	comments, err := client.Comments(ctx, pull.Number, review.Marker(o.Terraform.Dir, p.Workspace), o.ReviewAuthor)
	if err != nil {
		return r, err
	}
	switch len(comments) {
	case 0:
		author, err := client.AuthorName(ctx, o.ReviewAuthor)
		r.where += fmt.Sprintf(" has no review comment by %s; if another token wrote it, name its login with --review-author", author)
		return r, err
	case 1:
	default:
		return r, o.doubled(r, comments)
	}
	r.comment, r.body, r.since = comments[0], comments[0].Body, comments[0].Since()
	fingerprint, ok := review.ParseFingerprint(r.body)
	if !ok {
		r.where += "'s review comment has no fingerprint: its plan failed, or another version of gitops wrote it"
	}
	r.fingerprint, r.signed.Fingerprint, r.signed.Record = fingerprint, fingerprint, review.RecordLine(r.body)
	return r, nil
}

// doubled refuses comments of which one may be forged. With a key it can be told which
// to delete; without one the first is the likelier review.
func (o ApplyOptions) doubled(r found, comments []github.Written) error {
	var remove []string
	for i, comment := range comments {
		signed := r.signed
		signed.Fingerprint, _ = review.ParseFingerprint(comment.Body)
		signed.Record = review.RecordLine(comment.Body)
		forged := i > 0
		if key := o.Terraform.ReviewKey; !key.Empty() {
			forged = !review.Verify(key, signed, review.ParseSeals(comment.Body).MAC)
		}
		if forged {
			remove = append(remove, fmt.Sprintf("%s (of %s)", comment.URL, comment.Created.UTC().Format(time.RFC3339)))
		}
	}
	if len(remove) == 0 {
		remove = append(remove, comments[len(comments)-1].URL)
	}
	return untrusted("pull request %d has %d comments that say they are this review, and only one can be: "+
		"find out which workflow wrote the other, delete %s, and run this again", r.pull, len(comments), strings.Join(remove, " and "))
}

// trust refuses a review that somebody may have made up, or that is of another commit
// or not approved.
func (o ApplyOptions) trust(ctx context.Context, client *github.Client, pull github.Merged, r *found) error {
	seals := review.ParseSeals(r.body)
	const again = "run the review of the pull request again, which writes it anew, or open another pull request"
	switch {
	case r.comment.Stranger != "":
		return untrusted("the review %s was edited by %s at %s, after it was written: %s",
			r.comment.URL, r.comment.Stranger, r.comment.Edited.UTC().Format(time.RFC3339), again)
	case seals.Commit == "":
		return untrusted("the review %s does not say which commit was planned: review with --commit and this version of gitops; %s", r.comment.URL, again)
	case seals.Commit != pull.Head:
		return untrusted("the review %s is of commit %s, and pull request %d was merged at %s, which was pushed after it: %s",
			r.comment.URL, seals.Commit, r.pull, pull.Head, again)
	}
	if err := o.trustMAC(r, seals, again); err != nil {
		return err
	}
	if !seals.Reviewed.IsZero() {
		r.since = seals.Reviewed
	}
	if !o.RequireApproval {
		return nil
	}
	return o.approved(ctx, client, pull, *r)
}

// trustMAC holds a review against the key.
func (o ApplyOptions) trustMAC(r *found, seals review.Seals, again string) error {
	key := o.Terraform.ReviewKey
	switch {
	case key.Empty() && seals.MAC == "":
		return nil
	case key.Empty():
		return untrusted("the review %s was signed with a review key, and none is given here: set GITOPS_REVIEW_KEY", r.comment.URL)
	case seals.MAC == "":
		return untrusted("the review %s is not signed, and a review key is given here: whoever wrote it did not have the key. "+
			"Set GITOPS_REVIEW_KEY where review runs; then %s", r.comment.URL, again)
	case !review.Verify(key, r.signed, seals.MAC):
		return untrusted("the signature of the review %s does not fit repository %s, pull request %d, directory %s, workspace %s, commit %s and this fingerprint: "+
			"it is forged, copied from elsewhere, or made with another GITOPS_REVIEW_KEY; %s",
			r.comment.URL, r.signed.Repository, r.pull, r.signed.Dir, r.signed.Workspace, r.signed.Commit, again)
	case !seals.Reviewed.IsZero() && !seals.VerifyEnding(key, r.signed):
		return untrusted("the review %s tells of an apply, with a signature that does not fit: it was changed by somebody without the key; %s", r.comment.URL, again)
	}
	return nil
}

// approved refuses a review that nobody approved since it was written.
func (o ApplyOptions) approved(ctx context.Context, client *github.Client, pull github.Merged, r found) error {
	opinions, err := client.Opinions(ctx, pull)
	if err != nil {
		return err
	}
	var why []string
	approved := false
	for _, opinion := range opinions {
		switch {
		case !opinion.Approved:
			return untrusted("%s asked for changes in pull request %d: settle that, and let %s approve it", opinion.By, r.pull, opinion.By)
		case opinion.Commit != pull.Head:
			why = append(why, fmt.Sprintf("%s approved commit %s, and not the head %s", opinion.By, opinion.Commit, pull.Head))
		case !opinion.At.After(r.since):
			why = append(why, fmt.Sprintf("%s approved at %s, before the plan's comment got its text at %s",
				opinion.By, opinion.At.UTC().Format(time.RFC3339), r.since.UTC().Format(time.RFC3339)))
		default:
			approved = true
		}
	}
	if approved {
		return nil
	}
	if len(why) == 0 {
		why = []string{"no person who may push approved it"}
	}
	return untrusted("pull request %d is not approved as it was planned (--require-approval): %s. Approve the pull request now, and run this again",
		r.pull, strings.Join(why, "; "))
}

// tellPull writes a comment on a pull request. That it cannot be written changes nothing
// about what the comment says, so it is told and no error.
func (o ApplyOptions) tellPull(ctx context.Context, pull int, marker, body string) {
	client, err := o.GitHub.client(o.Output)
	if err == nil {
		_, _, err = client.UpsertComment(ctx, pull, marker, body)
	}
	if err != nil {
		o.Output.Progress.Say("telling the pull request: %v", err)
	}
}

// seal adds to a comment which commit was planned and, with a review key, a MAC, so that
// apply believes it.
func (o ReviewOptions) seal(ctx context.Context, client *github.Client, c review.Comment, body string) (string, error) {
	head, merge, err := client.Head(ctx, o.PullRequest)
	if err != nil {
		return "", err
	}
	commit := c.Commit
	if commit != "" && commit == merge {
		// A workflow of a pull request has the commit that GitHub tries the merge with.
		commit = head
	}
	return review.Seal(body, o.Terraform.ReviewKey, review.Signed{
		Repository: o.GitHub.Repo, PullRequest: o.PullRequest, Dir: c.Dir, Workspace: c.Workspace, Commit: commit, Fingerprint: c.Fingerprint,
	}), nil
}
