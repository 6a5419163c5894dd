package review

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"gitops/ci/secret"
)

// Signed is what the MAC of a review vouches for: that this plan was reviewed there.
type Signed struct {
	Repository  string // owner/name, in any case
	PullRequest int
	Dir         string // "." when empty
	Workspace   string // "default" when empty
	Commit      string
	Fingerprint string
	// Record is the line that explains the fingerprint (RecordLine): a rerun is held against
	// it. Seal fills it in.
	Record string
}

// Sign returns the MAC of a review, in hex: HMAC-SHA256 with the repository's key. Who
// has the token that writes comments, and not the key, cannot make one.
func Sign(key secret.Value, s Signed) string { return mac(key, s.text("gitops-review-2")) }

// Verify reports whether Sign made a MAC of s.
func Verify(key secret.Value, s Signed, made string) bool { return same(Sign(key, s), made) }

// signEnding vouches for when the review was written that an ending was added to.
func signEnding(key secret.Value, s Signed, reviewed time.Time) string {
	return mac(key, s.text("gitops-ending-2", reviewed.UTC().Format(time.RFC3339)))
}

func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func mac(key secret.Value, text []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// text writes the fields so that no two differing ones have the same text.
func (s Signed) text(kind string, more ...string) []byte {
	dir, workspace := s.Dir, s.Workspace
	if dir == "" {
		dir = "."
	}
	if workspace == "" {
		workspace = "default"
	}
	text, _ := json.Marshal([]any{kind, strings.ToLower(s.Repository), s.PullRequest, dir, workspace, s.Commit, s.Fingerprint, s.Record, more}) // plain values always marshal
	return text
}

// hiddenLines is how many lines of a comment Render writes before the visible text.
const hiddenLines = 3

// sealSize is the most that Seal adds to a comment, in bytes.
const sealSize = 200

var (
	commitLine = regexp.MustCompile(`^<!-- gitops:commit ([0-9a-f]{7,64}) -->$`)
	macLine    = regexp.MustCompile(`^<!-- gitops:mac ([0-9a-f]{64}) -->$`)
	commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// Seal adds hidden lines to a comment that Render made: the commit that was planned
// and, with a key, the MAC of the review.
func Seal(body string, key secret.Value, s Signed) string {
	if !commitName.MatchString(s.Commit) {
		return body
	}
	lines := strings.SplitAfterN(body, "\n", hiddenLines+1)
	if len(lines) <= hiddenLines {
		return body
	}
	s.Record = RecordLine(body)
	seal := "<!-- gitops:commit " + s.Commit + " -->\n"
	if _, found := ParseFingerprint(body); found && !key.Empty() {
		seal += "<!-- gitops:mac " + Sign(key, s) + " -->\n"
	}
	return strings.Join(lines[:hiddenLines], "") + seal + lines[hiddenLines]
}

// Seals are the hidden lines of a comment that Seal and WithEnding wrote.
type Seals struct {
	Commit   string    // that was planned; empty where the comment does not say
	MAC      string    // empty where it was written without a key
	Reviewed time.Time // when the review was written that an ending was added to; zero without an ending

	endingMAC string
}

// ParseSeals reads the hidden lines that stand before the visible text. No text of a
// plan can be there.
func ParseSeals(body string) (s Seals) {
	lines := strings.Split(body, "\n")
	for _, line := range lines[min(hiddenLines, len(lines)):] {
		line = strings.TrimSuffix(line, "\r")
		if match := commitLine.FindStringSubmatch(line); match != nil && s.Commit == "" {
			s.Commit = match[1]
		} else if match := macLine.FindStringSubmatch(line); match != nil && s.MAC == "" {
			s.MAC = match[1]
		} else if match := endingLine.FindStringSubmatch(line); match != nil {
			s.Reviewed, _ = time.Parse(time.RFC3339, match[1])
			s.endingMAC = match[2]
			return s
		} else {
			return s
		}
	}
	return s
}

// VerifyEnding reports whether the time in an ending is the one that was written there
// with the key.
func (s Seals) VerifyEnding(key secret.Value, signed Signed) bool {
	return same(signEnding(key, signed, s.Reviewed), s.endingMAC)
}
