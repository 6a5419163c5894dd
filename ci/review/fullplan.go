package review

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// plan folds the full plan into whatever room is left.
func (r *renderer) plan() {
	text := strings.TrimSpace(r.clean.text(r.PlanText))
	if text == "" {
		return
	}
	length := utf8.RuneCountInString(text)
	sum := sha256.Sum256([]byte(text))
	whole := "<details><summary>Full plan</summary>\n\n" + block("hcl", text) + "\n\n</details>\n\n"
	if r.page.write(whole) {
		return
	}
	about := fmt.Sprintf("%d characters in all, SHA-256 `%s`", length, hex.EncodeToString(sum[:]))
	empty := foldCut(text, "", about)
	room := r.page.left - len(empty)
	if room < 400 {
		r.page.write("The full plan does not fit here: " + about + ".\n\n")
		return
	}
	r.page.write(foldCut(text, firstLines(text, room), about))
}

// foldCut fences shown, a part of whole, with the fence that whole needs: the
// length of everything else must not depend on where the cut is.
func foldCut(whole, shown, about string) string {
	fence := strings.Repeat("`", max(3, longestRun(whole, '`')+1))
	return "<details><summary>The beginning of the plan, which is too long for a comment</summary>\n\n" +
		fence + "hcl\n" + shown + "\n" + fence + "\n\n… cut here: " + about + ".\n\n</details>\n\n"
}

// firstLines returns at most limit bytes of text, whole lines if there is one.
func firstLines(text string, limit int) string {
	text = text[:runeStart(text, min(limit, len(text)))]
	if end := strings.LastIndexByte(text, '\n'); end > 0 {
		return text[:end]
	}
	return text
}
