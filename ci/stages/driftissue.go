package stages

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gitops/ci/github"
	"gitops/ci/infra"
)

// driftMarker is the hidden line by which the one issue is found again.
const driftMarker = "<!-- gitops:drift -->"

// FixByPullRequest is the fix of drift that opens a pull request. Its review shows what
// would undo the drift, and merging it applies that.
const FixByPullRequest = "pull-request"

// fixBranch is the branch of that pull request.
const fixBranch = "gitops/drift"

// tell opens or updates the one issue about drift, or closes it with a last word.
func (o DriftOptions) tell(ctx context.Context, r *DriftResult, partly bool) error {
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return err
	}
	if r.Drift == "none" {
		r.Issue, _, err = client.CloseIssue(ctx, driftMarker, "The drift is gone: what runs is what git says, as"+o.foundBy()+".")
		return err
	}
	if o.Fix != "" && len(r.Cloud) > 0 {
		if r.Fix, err = o.fix(ctx, client); err != nil {
			r.Fix = "" // nothing was begun
			o.Output.Progress.Say("beginning to undo the drift: %v", err)
		}
	}
	var issueErr error
	r.Issue, _, issueErr = client.UpsertIssue(ctx, driftMarker, "Drift: "+r.Drift, o.issue(*r, partly))
	return cmp.Or(issueErr, err)
}

// fix begins to undo drift in the cloud. It applies nothing: that is for a reviewed plan.
func (o DriftOptions) fix(ctx context.Context, client *github.Client) (string, error) {
	branch := cmp.Or(o.Branch, DefaultBranch)
	if o.Fix != FixByPullRequest {
		return o.Fix, client.Dispatch(ctx, o.Fix, branch)
	}
	return client.ProposeAgain(ctx, github.PullRequest{
		Title: "Undo drift in the cloud", Head: fixBranch, Base: branch,
		Body: "The cloud differs from what git says. This pull request changes no file: its review shows what Terraform would do to undo the difference, and merging it applies that.\n\n" +
			"Close it if the difference is wanted, and change git to match.\n",
	})
}

// foundBy says when and by which run.
func (o DriftOptions) foundBy() string {
	text := " seen " + time.Now().UTC().Format("2006-01-02 15:04") + " UTC"
	if o.GitHub.Run != "" {
		text += " by [this run](" + o.GitHub.Run + ")"
	}
	return text
}

// The most that an issue holds, in bytes: GitHub takes 65,536 characters.
const (
	issueBudget  = 60_000
	maxDriftText = 200 // of one value or name
	maxValues    = 20  // of one resource
)

// issue returns the issue's text.
func (o DriftOptions) issue(r DriftResult, partly bool) string {
	b := bounded{left: issueBudget}
	fmt.Fprintf(&b.text, "%s\n\nWhat runs differs from what git says (%s),%s.\n", driftMarker, r.Drift, o.foundBy())
	if partly {
		b.text.WriteString("\n> [!WARNING]\n> Not everything could be looked at: there may be more. The run says what failed.\n")
	}
	for i, d := range r.Directories {
		var entries []string
		for _, change := range d.Changes {
			entries = append(entries, driftEntry(change))
		}
		// Each directory leaves room for those that follow.
		b.section("Cloud: "+inCode(d.Dir)+", workspace "+inCode(d.Workspace), entries, len(r.Directories)-i+1)
	}
	var containers []string
	for _, finding := range r.Host {
		containers = append(containers, "- "+inCode(finding.String())+"\n")
	}
	b.section("Host, against the manifest", containers, 1)
	return b.text.String() + o.remedy(r)
}

// remedy says what to do next.
func (o DriftOptions) remedy(r DriftResult) string {
	text := "\nRun `provision` or `deploy` again to make it so, or change git to match.\n"
	switch {
	case r.Fix == "":
	case o.Fix == FixByPullRequest:
		text += "To undo it in the cloud, review and merge " + r.Fix + ".\n"
	default:
		text += "The workflow " + inCode(r.Fix) + " was started to undo it in the cloud.\n"
	}
	return text
}

// driftEntry is one resource with the values that differ.
func driftEntry(d infra.Drifted) string {
	if d.Deleted {
		return "- " + inCode(d.Address) + " is gone\n"
	}
	text := "- " + inCode(d.Address) + "\n"
	for i, value := range d.Values {
		switch {
		case i > maxValues:
		case i == maxValues:
			text += fmt.Sprintf("  - … and %d more\n", len(d.Values)-maxValues)
		case value.Before == value.After:
			text += "  - " + inCode(value.Path) + " changed; its value is sensitive\n"
		default:
			text += "  - " + inCode(value.Path) + ": " + inCode(value.Before) + " → " + inCode(value.After) + "\n"
		}
	}
	if len(d.Values) == 0 {
		text += "  - " + inCode(whatDrifted(d)) + "\n"
	}
	return text
}

// bounded is a text that has room for so much.
type bounded struct {
	text strings.Builder
	left int
}

// section writes a title and the entries that fit into one of shares of what is left.
func (b *bounded) section(title string, entries []string, shares int) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintf(&b.text, "\n### %s\n\n", title)
	room := b.left/shares - len(title) - 60
	for i, entry := range entries {
		if len(entry) > room {
			fmt.Fprintf(&b.text, "- … and %d more\n", len(entries)-i)
			break
		}
		b.text.WriteString(entry)
		room -= len(entry)
		b.left -= len(entry)
	}
	b.left -= len(title) + 60
}

// inCode quotes text of the cloud as a code span, where nothing in it means anything.
func inCode(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '`' {
			return '\''
		}
		if unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > maxDriftText {
		end := maxDriftText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	if strings.TrimSpace(text) == "" {
		text = "(empty)"
	}
	return "`" + text + "`"
}
