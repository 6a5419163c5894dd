package review

import (
	"fmt"
	"strings"
)

// Refusal says why a reviewed plan was not applied: what would happen now is not
// what was reviewed.
type Refusal struct {
	Comment           // of the plan that would be applied now
	Reviewed   string // the fingerprint that was reviewed
	Difference Difference
}

// RefusalMarker returns the hidden first line of a refusal's comment. It is not the
// review's: the review stays as it was reviewed, and what was refused is never found
// as a review.
func RefusalMarker(dir, workspace string) string {
	return strings.Replace(Marker(dir, workspace), "gitops:review", "gitops:refusal", 1)
}

// RenderRefusal writes the refusal as a comment for the merged pull request. Its first
// line is RefusalMarker. ParseFingerprint finds nothing in it.
func RenderRefusal(c Refusal) string {
	r := renderer{Comment: c.Comment, clean: cleaner{c.Redactor}}
	footer := "Reviewed " + r.clean.code(c.Reviewed) + ", now " + r.clean.code(c.Fingerprint) + "\n"
	r.page.left = Limit - len(footer)
	r.page.write(RefusalMarker(c.Dir, c.Workspace) + "\n\n### Not applied: the plan is not the one that was reviewed\n\n" +
		r.where() + "\n\nNow: " + r.headline() + "\n\n")
	var rows []string
	for _, line := range c.Difference.Lines() {
		rows = append(rows, "- "+r.clean.code(line)+"\n")
	}
	r.page.list(tableBudget, "", rows, func(left int) string { return fmt.Sprintf("- … and %d more\n", left) })
	r.page.write("\nTo apply what would happen now, have it reviewed: open another pull request.\n\n")
	r.plan()
	return r.page.text.String() + footer
}
