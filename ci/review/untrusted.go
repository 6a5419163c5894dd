package review

import "gitops/ci/secret"

// RenderUntrusted writes a comment for a pull request whose review does not count, with
// the reason and what to do. Its first line is RefusalMarker.
func RenderUntrusted(dir, workspace, reason string, redactor *secret.Redactor) string {
	r := renderer{Comment: Comment{Dir: dir, Workspace: workspace}, clean: cleaner{redactor}}
	return RefusalMarker(dir, workspace) + "\n\n### Not applied: the review does not count\n\n" +
		r.where() + "\n\n" + block("text", cut(r.clean.text(reason), lastWords)) + "\n"
}
