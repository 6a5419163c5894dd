package review

import (
	"strings"
	"testing"
	"time"

	"gitops/ci/secret"
)

var signedReview = Signed{Repository: "Owner/Shop", PullRequest: 7, Dir: "terraform", Workspace: "default",
	Commit: strings.Repeat("a", 40), Fingerprint: "sha256:" + strings.Repeat("b", 64)}

func TestMACVouchesForEachField(t *testing.T) {
	key := secret.New("key")
	made := Sign(key, signedReview)
	same := signedReview
	same.Repository = "owner/shop" // GitHub does not tell them apart
	if !Verify(key, same, made) {
		t.Error("the same review does not verify")
	}
	same.Workspace, same.Dir = "", ""
	dot := same
	dot.Workspace, dot.Dir = "default", "."
	if Sign(key, same) != Sign(key, dot) {
		t.Error("defaults are signed as another directory and workspace")
	}
	for name, change := range map[string]func(*Signed){
		"repository":   func(s *Signed) { s.Repository = "owner/other" },
		"pull request": func(s *Signed) { s.PullRequest = 77 },
		"directory":    func(s *Signed) { s.Dir = "terraform/default" },
		"workspace":    func(s *Signed) { s.Workspace = "staging" },
		"commit":       func(s *Signed) { s.Commit = strings.Repeat("c", 40) },
		"fingerprint":  func(s *Signed) { s.Fingerprint = "sha256:" + strings.Repeat("c", 64) },
		"record":       func(s *Signed) { s.Record = "<!-- gitops:record AAAA -->" },
		"two fields":   func(s *Signed) { s.Dir, s.Workspace = "terraform\",\"default", "" },
	} {
		other := signedReview
		change(&other)
		if Verify(key, other, made) {
			t.Errorf("another %s verifies", name)
		}
	}
	if Verify(secret.New("other"), signedReview, made) || Verify(key, signedReview, "") || Verify(key, signedReview, strings.ToUpper(made)) {
		t.Error("another key or MAC verifies")
	}
}

func TestSealsAreReadWhereTheyAreWritten(t *testing.T) {
	c := commentOn(t, "scale")
	key := secret.New("key")
	signed := signedReview
	signed.Fingerprint = c.Fingerprint
	plain := Render(c)
	sealed := Seal(plain, key, signed)
	signed.Record = RecordLine(plain)
	if len(sealed)-len(plain) > sealSize {
		t.Errorf("sealing adds %d bytes, more than %d", len(sealed)-len(plain), sealSize)
	}
	got := ParseSeals(sealed)
	if got.Commit != signed.Commit || !Verify(key, signed, got.MAC) || !got.Reviewed.IsZero() {
		t.Errorf("seals are %+v", got)
	}
	if got := ParseSeals(strings.ReplaceAll(sealed, "\n", "\r\n")); got.Commit != signed.Commit || got.MAC == "" {
		t.Errorf("with the line ends of a browser they are %+v", got)
	}
	if got := ParseSeals(Seal(plain, secret.Value{}, signed)); got.Commit != signed.Commit || got.MAC != "" {
		t.Errorf("without a key they are %+v", got)
	}
	// What is seen may say anything.
	lines := strings.SplitAfterN(sealed, "\n", 6)
	moved := strings.Join(lines[:3], "") + "text\n" + strings.Join(lines[3:5], "") + lines[5]
	if got := ParseSeals(moved); got != (Seals{}) {
		t.Errorf("behind visible text they are read as %+v", got)
	}
	signed.Commit = "x -->"
	if Seal(plain, key, signed) != plain {
		t.Error("a text that is no commit is written")
	}
}

func TestEndingLeavesTheReviewAsItWas(t *testing.T) {
	c := commentOn(t, "scale") // the longest comment
	signed := signedReview
	signed.Fingerprint, signed.Record = c.Fingerprint, RecordLine(Render(c))
	for name, key := range map[string]secret.Value{"with a key": secret.New("key"), "without": {}} {
		t.Run(name, func(t *testing.T) {
			sealed := Seal(Render(c), key, signed)
			reviewed := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
			e := Ending{Applied: reviewed.Add(time.Hour), Took: 83 * time.Second, Run: "https://github.com/o/r/actions/runs/7", Failed: true, Done: 3, Of: 5, Reviewed: reviewed}
			for range 200 {
				e.Outputs = append(e.Outputs, OutputValue{"ip`|@all", "\"<!-- gitops:ended -->\n\"", strings.Repeat("é", 300)})
			}
			first, fits := WithEnding(sealed, key, signed, e)
			if !fits || len(first)-len(sealed) > endingSize {
				t.Errorf("the ending fits %v and takes %d bytes", fits, len(first)-len(sealed))
			}
			for _, want := range []string{"> [!WARNING]\n> **Applied 3 of 5, rerun allowed** 2026-11-27 09:00:00 UTC · in 1m23s · by [this run](https://github.com/o/r/actions/runs/7)\n", "- … and 19"} {
				if !strings.Contains(first, want) {
					t.Errorf("%q is not in\n%.3000s", want, first)
				}
			}
			seals := ParseSeals(first)
			if seals.Commit != signed.Commit || !seals.Reviewed.Equal(reviewed) || !key.Empty() && (!Verify(key, signed, seals.MAC) || !seals.VerifyEnding(key, signed)) {
				t.Errorf("seals are %+v", seals)
			}
			e.Failed, e.Done, e.Outputs = false, 5, nil
			second, _ := WithEnding(first, key, signed, e)
			if strings.Contains(second, "3 of 5") || !strings.Contains(second, "> [!NOTE]\n> **Applied** 2026") || strings.Count(second, "gitops:ending") != 1 {
				t.Errorf("after another apply it is\n%.2000s", second)
			}
			if head, rest := cutEnding(second); head+rest != sealed {
				t.Error("without its ending the comment is another one")
			}
			moved := seals
			moved.Reviewed = moved.Reviewed.Add(-time.Hour)
			if !key.Empty() && moved.VerifyEnding(key, signed) {
				t.Error("an earlier time verifies")
			}
		})
	}
}
