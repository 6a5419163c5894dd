package review

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gitops/ci/cost"
	"gitops/ci/progress"
	"gitops/ci/secret"

	"github.com/shopspring/decimal"
)

// The plans in testdata/plans are recorded from Terraform 1.11.4 by
// testdata/record/record.sh.
func TestComments(t *testing.T) {
	for _, name := range []string{"create", "everything", "destroy", "nochange", "aws", "values", "target", "shop"} {
		t.Run(name, func(t *testing.T) {
			c := commentOn(t, name)
			switch name {
			case "values":
				// Terraform loses the mark of what it copies into output; the stages mask it.
				c.Redactor = secret.NewRedactor(secret.New("the-first-password"), secret.New("the-same-password"))
			case "shop":
				c.Cost = recordedCost(t, "shop")
				c.Runs = []Run{{Kind: "provider", Address: "aws", Text: "eu-central-1"}}
				before := c
				before.Fingerprint, before.Record.Effects = word("0"), slices.Clone(c.Record.Effects[:len(c.Record.Effects)-2])
				before.Record.Effects[0].Action, before.Record.Effects[0].Digest = ActionChange, strings.Repeat("0", 16)
				c.Before = Render(before)
				c.RunURL = "https://github.com/owner/shop/actions/runs/123456"
				c.Providers = []string{"hashicorp/aws 5.100.0"}
			case "everything":
				c.Cost = recordedCost(t, "v02-diff")
			case "create":
				c.NoCost = "no INFRACOST_API_KEY"
			case "destroy":
				c.Cost = recordedCost(t, "zero")
			case "aws":
				c.Cost = recordedCost(t, "v01")
				c.Workspace = "staging"
			}
			compare(t, name+".md", packedRecord.ReplaceAllString(Render(c), ""))
		})
	}
}

// packedRecord is the line of the record, which another version of Go may pack otherwise.
var packedRecord = regexp.MustCompile(`(?m)^<!-- gitops:record .* -->\n`)

func TestSummaryOfEverything(t *testing.T) {
	s := Summarize(recordedPlan(t, "everything"))
	want := Counts{Add: 7, Change: 3, Destroy: 5, Replace: 2, Forget: 1, Import: 1, Move: 1, Read: 1, Outputs: 5}
	if s.Counts != want {
		t.Errorf("counts are %+v, want %+v", s.Counts, want)
	}
	var order []string
	for _, r := range s.Resources {
		if len(order) == 0 || order[len(order)-1] != string(r.Action) {
			order = append(order, string(r.Action))
		}
	}
	if got := strings.Join(order, " "); got != "destroy replace forget change add move read" {
		t.Errorf("actions come in the order %s", got)
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(recorded(t, "plans/everything.json")), "hunter2") {
		t.Error("the plan holds no sensitive value: this test proves nothing")
	}
	if strings.Contains(string(data), "hunter2") {
		t.Error("the summary holds a sensitive value")
	}
	compare(t, "everything-summary.json", string(data)+"\n")
}

func TestHeadline(t *testing.T) {
	monthly := func(diff string) *cost.Cost {
		return &cost.Cost{Currency: "USD", After: decimal.RequireFromString(diff)}
	}
	some := []Resource{{Address: "a.b"}}
	tests := []struct {
		summary Summary
		cost    *cost.Cost
		want    string
	}{
		{Summary{Counts: Counts{Add: 2, Change: 1, Destroy: 1}, Resources: some}, monthly("7.3"), "2 to add, 1 to change, 1 to destroy · +$7.30/month"},
		{Summary{Counts: Counts{Replace: 1, Import: 2, Move: 3, Deferred: 1, Forget: 1}, Resources: some}, monthly("-1234.5"),
			"1 to replace, 1 to forget, 2 to import, 3 to move, 1 deferred · -$1,234.50/month"},
		{Summary{Counts: Counts{Outputs: 1}, Outputs: []Output{{Name: "x"}}}, nil, "1 output changes"},
		{Summary{Counts: Counts{Outputs: 2}, Outputs: []Output{{Name: "x"}, {Name: "y"}}}, nil, "2 outputs change"},
		{Summary{Counts: Counts{Read: 1}, Resources: some}, nil, "1 to read"},
		{Summary{}, monthly("0"), "No changes · $0.00/month"},
		{Summary{}, nil, "No changes"},
	}
	for _, test := range tests {
		if got := Headline(test.summary, test.cost); got != test.want {
			t.Errorf("headline is %q, want %q", got, test.want)
		}
	}
}

func TestParsePlanRefuses(t *testing.T) {
	for _, document := range []string{"", "{", "{}", `{"format_version":"99.0"}`, `{"format_version":"x"}`} {
		if _, err := ParsePlan([]byte(document)); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "terraform show -json") {
			t.Errorf("%q: %v, want exit 2 and what to give", document, err)
		}
	}
}

func TestFailureComment(t *testing.T) {
	c := commentOn(t, "everything")
	c.Redactor = secret.NewRedactor(secret.New("AKIA-very-secret"))
	c.Failure = &Failure{Step: "plan", Output: "\x1b[31m╷\x1b[0m\n│ Error: AKIA-very-secret is wrong\n│ ```\n│ </details> @octocat\n╵\n"}
	compare(t, "failure.md", Render(c))
	if _, found := ParseFingerprint(Render(c)); found {
		t.Error("a failed plan's comment has a fingerprint that could be applied")
	}
	c.Failure.Output = strings.Repeat("a line of output\n", 10000) + "Error: the last words\n"
	body := Render(c)
	if len(body) > Limit || !strings.Contains(body, "Error: the last words") || !strings.Contains(body, "Its last words, of 170021 characters") {
		t.Errorf("a long failure gives %d bytes:\n%s", len(body), body[:300])
	}
	c.Failure.Output = ""
	if body := Render(c); !strings.Contains(body, "It printed nothing.") {
		t.Errorf("a silent failure gives\n%s", body)
	}
}

func TestNoChangesIsOneLine(t *testing.T) {
	c := commentOn(t, "nochange")
	c.Cost = recordedCost(t, "zero")
	body := Render(c)
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	if len(lines) != 5 || lines[3] != "" || !strings.Contains(lines[4], "**No changes** in `terraform`") || !strings.Contains(lines[4], "€0.00/month") {
		t.Errorf("no changes give\n%s", body)
	}
	if fingerprint, found := ParseFingerprint(body); !found || fingerprint != c.Fingerprint {
		t.Errorf("its fingerprint is %q, %v", fingerprint, found)
	}
}

func TestLongPlanIsCut(t *testing.T) {
	c := commentOn(t, "scale")
	c.Cost = recordedCost(t, "v02-diff")
	body := Render(c)
	if room := Limit - sealSize - endingSize; len(body) > room || len(body) < room-2000 {
		t.Errorf("the comment has %d bytes, want nearly %d", len(body), room)
	}
	for _, want := range []string{
		"### 2000 to add · +$8.36/month", "characters in all, SHA-256 `", "| … | and 1", "Fingerprint `" + c.Fingerprint, "</details>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not hold %q", want)
		}
	}
	// Whatever is long: the headline, the fingerprint and the footer stay.
	c.PlanText = strings.Repeat("`", 70000)
	for i := range c.Summary.Resources {
		c.Summary.Resources[i].Action = ActionReplace
		c.Summary.Resources[i].ForcedBy = []string{strings.Repeat("x", 1000), "y", "z", "1", "2", "3"}
	}
	c.Summary.Counts = Counts{Replace: 2000}
	body = Render(c)
	if len(body) > Limit || !strings.Contains(body, "### 2000 to replace") || !strings.Contains(body, "<sub>commit") ||
		!strings.Contains(body, "> - … and ") || !strings.Contains(body, "The full plan does not fit here: 70000 characters in all") {
		t.Errorf("%d bytes:\n%.500s", len(body), body)
	}
}

func TestSecretsAppearNowhere(t *testing.T) {
	hidden := "s3cr3t-|-`value`"
	c := commentOn(t, "everything")
	c.Redactor = secret.NewRedactor(secret.New(hidden), secret.New("first line\nsecond secret line"))
	c.PlanText += "\npassword = " + hidden + "\nline: second secret line\nsplit: s3cr3t-\x1b[1m|-`value`\n"
	c.Summary.Resources[0].Address = `a.b["` + hidden + `"]`
	c.Summary.Resources[1].ForcedBy = []string{hidden}
	c.Summary.Outputs[0].After = strings.Repeat("x", cellLimit-8) + hidden
	c.NoCost = "service said " + hidden
	c.Record.Effects[0].Address = `a.b["` + hidden + `"]`
	c.Commit, c.Workspace = hidden, "w"
	body := Render(c)
	for _, part := range []string{"s3cr3t", "second secret"} {
		if at := strings.Index(body, part); at >= 0 {
			t.Errorf("%q is in the comment: %.100s", part, body[at:])
		}
	}
	if record, found := ParseRecord(body); !found || record.Effects[0].Address != `a.b["`+secret.Redacted+`"]` {
		t.Errorf("the hidden record is %+v", record)
	}
	if !strings.Contains(body, secret.Redacted) {
		t.Error("nothing was redacted")
	}
	// The plan of record marks its own: the password stands in the plan's JSON alone.
	if strings.Contains(Render(commentOn(t, "everything")), "hunter2") {
		t.Error("a value that the plan marks sensitive is in the comment")
	}
}

func TestMarker(t *testing.T) {
	markers := map[string]bool{}
	for _, dir := range []string{"", "terraform", "a b", "a--b", "-->", "a-b", "-", "--", "a/b", "ü", "a\nb", "a%20b"} {
		for _, workspace := range []string{"", "staging", "-->"} {
			m := Marker(dir, workspace)
			if markers[m] || strings.Count(m, "-->") != 1 || strings.Contains(m, "\n") || strings.Contains(strings.Trim(m, "<!->"), "--") {
				t.Errorf("Marker(%q, %q) = %s", dir, workspace, m)
			}
			markers[m] = true
		}
	}
	if Marker("", "") != Marker(".", "default") {
		t.Error("the defaults are not the defaults")
	}
}

func TestParseFingerprintTrustsItsOwnLineAlone(t *testing.T) {
	fingerprint := word("a")
	other := word("c")
	c := Comment{Fingerprint: fingerprint, PlanText: "x\n" + fingerprintMark(other), Summary: Summary{
		Resources: []Resource{{Address: "a\n" + Marker("", "") + "\n" + fingerprintMark(other)}}}}
	body := Render(c)
	tests := map[string]struct{ body, want string }{
		"ours":             {body, fingerprint},
		"edited by hand":   {strings.ReplaceAll(body, "\n", "\r\n"), fingerprint},
		"quoted":           {"> " + body, ""},
		"text before":      {"hello\n" + body, ""},
		"no fingerprint":   {Render(Comment{Failure: &Failure{Step: "init"}, PlanText: fingerprintMark(other)}), ""},
		"nothing":          {"", ""},
		"third line":       {Marker("", "") + "\n\n" + fingerprintMark(other), ""},
		"other algorithm":  {Marker("", "") + "\n" + fingerprintMark("md5:abc"), ""},
		"text on its line": {Marker("", "") + "\n" + fingerprintMark(other) + " x", ""},
	}
	for name, test := range tests {
		got, found := ParseFingerprint(test.body)
		if got != test.want || found != (test.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, found, test.want)
		}
	}
}

func BenchmarkReviewOf2000Resources(b *testing.B) {
	data, text := recorded(b, "plans/scale.json"), string(recorded(b, "plans/scale.txt"))
	b.ReportAllocs()
	for b.Loop() {
		plan, err := ParsePlan(data)
		if err != nil {
			b.Fatal(err)
		}
		body := Render(Comment{Summary: Summarize(plan), PlanText: text, Fingerprint: fingerprint(plan, extra), Record: Observe(plan, extra).Record})
		if len(body) > Limit {
			b.Fatal("too long")
		}
	}
}
