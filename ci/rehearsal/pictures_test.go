package rehearsal

import (
	"bytes"
	"strings"
	"testing"
)

func TestPicturePages(t *testing.T) {
	report := &Report{
		Review: "### 1 to add\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
		Receipt: `{"kind": "deploy", "outcome": "deployed", "actor": "<b>", "release": "r1", "previous": "r0", "seconds": 10,
			"services": [{"service": "web", "action": "recreated", "after": {"service": "web", "ref": "r.local/web:1@sha256:0123456789abcdef"}}],
			"steps": [{"name": "pull", "seconds": 2.5}]}`,
	}
	var review, receipt bytes.Buffer
	if err := WriteReviewPage(&review, report.Review); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteReceiptPage(&receipt); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(review.String(), "<td>1</td>") || strings.Contains(review.String(), "receipt") {
		t.Errorf("the review's page is %s", review.String())
	}
	for _, want := range []string{"&lt;b&gt;", "deployed", "r.local/web:1@0123456789ab<", "width: 25%", "10.0 s"} {
		if !strings.Contains(receipt.String(), want) {
			t.Errorf("the receipt's page lacks %q: %s", want, receipt.String())
		}
	}
}

func TestPictureOfNoReceipt(t *testing.T) {
	if err := new(Report).WriteReceiptPage(new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "reading the receipt") {
		t.Errorf("error %v", err)
	}
}
