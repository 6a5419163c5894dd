package review

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Marker returns the hidden first line by which the comment of a root directory
// and workspace is found again. It shows nothing when rendered.
func Marker(dir, workspace string) string {
	if dir == "" {
		dir = "."
	}
	if workspace == "" {
		workspace = "default"
	}
	return "<!-- gitops:review dir=" + markerValue(dir) + " workspace=" + markerValue(workspace) + " -->"
}

// markerLimit is how many bytes of a name a marker holds; a longer one ends in its
// hash.
const markerLimit = 200

// markerValue percent-encodes whatever could end the marker early.
func markerValue(text string) string {
	if len(text) > markerLimit {
		sum := sha256.Sum256([]byte(text))
		text = text[:markerLimit] + "#" + hex.EncodeToString(sum[:])
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '/':
			b.WriteByte(c)
		case c == '-' && i > 0 && i+1 < len(text) && text[i-1] != '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

const fingerprintPrefix = "<!-- gitops:fingerprint "

var fingerprintLine = regexp.MustCompile(`^<!-- gitops:fingerprint (\S+) -->$`)

// fingerprintMark hides a fingerprint in a comment. Other text could end the hidden
// line, and is left out.
func fingerprintMark(fingerprint string) string {
	if !IsFingerprint(fingerprint) {
		fingerprint = "none"
	}
	return fingerprintPrefix + fingerprint + " -->"
}

// ParseFingerprint finds the fingerprint in the body of a comment that Render
// made. It looks at the second line only, which Render alone writes: no text of
// a plan can be there. An error's comment has no fingerprint.
func ParseFingerprint(body string) (fingerprint string, found bool) {
	first, rest, _ := strings.Cut(body, "\n")
	if !strings.HasPrefix(first, "<!-- gitops:review ") {
		return "", false
	}
	second, _, _ := strings.Cut(rest, "\n")
	// A browser that edits a comment sends lines that end in CR LF.
	match := fingerprintLine.FindStringSubmatch(strings.TrimSuffix(second, "\r"))
	if match == nil || !IsFingerprint(match[1]) {
		return "", false
	}
	return match[1], true
}
