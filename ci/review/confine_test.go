package review

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/cost"
)

// canary stands on both sides of untrusted text.
const canary = "kanarienvogel"

// toHTML renders GitHub's Markdown, raw HTML included. It is goldmark and not
// GitHub's own renderer; what both know is CommonMark and its GitHub extensions.
func toHTML(t testing.TB, markdown string) string {
	t.Helper()
	var b bytes.Buffer
	converter := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := converter.Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var codeElement = regexp.MustCompile(`(?s)<code[^>]*>[^<]*</code>`)

// confined checks that untrusted text stands nowhere but in code, where GitHub
// links no mention and reads no HTML, and that it did not change the structure. It
// returns how many rows the page's tables have.
func confined(t testing.TB, body string) (rows int) {
	t.Helper()
	if len(body) > Limit {
		t.Fatalf("the comment has %d bytes", len(body))
	}
	if !strings.HasPrefix(body, "<!-- gitops:re") {
		t.Fatalf("the comment begins with %.80q", body)
	}
	// The hidden lines name the directory, percent-encoded.
	_, body, _ = strings.Cut(body, "\n\n")
	page := codeElement.ReplaceAllString(toHTML(t, body), "")
	if strings.Contains(page, canary) {
		t.Errorf("untrusted text stands outside of code:\n%s\nin\n%s", page, body)
	}
	for _, bad := range []string{"@", "<a ", "<img", "<script", "<h1", "<del", "<em", "<input"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %s:\n%s\nin\n%s", bad, page, body)
		}
	}
	if opened, closed := strings.Count(page, "<details"), strings.Count(page, "</details>"); opened > 3 || opened != closed {
		t.Errorf("%d folds are opened and %d closed:\n%s", opened, closed, page)
	}
	cells := regexp.MustCompile(`(?s)<tr>.*?</tr>`)
	for _, row := range cells.FindAllString(page, -1) {
		rows++
		if n := strings.Count(row, "<t"+"d") + strings.Count(row, "<th") - strings.Count(row, "<thead"); n < 3 || n > 4 {
			t.Errorf("a row has %d cells: %s", n, row)
		}
	}
	return rows
}

// hostile is a comment all of whose texts are text.
func hostile(text string) Comment {
	text = canary + text + canary
	one := decimal.NewFromInt(1)
	return Comment{
		Dir: text, Workspace: text, PlanText: text + "\n" + text, Commit: text, NoCost: text,
		Time:        time.Unix(0, 0),
		Fingerprint: word("0"),
		Summary: Summary{
			Counts: Counts{Destroy: 1, Replace: 1, Outputs: 1},
			Resources: []Resource{
				{Address: text, Action: ActionReplace, Previous: text, ImportID: text, ForcedBy: []string{text, text}, change: hostileChange(text)},
				{Address: text, Action: ActionDestroy, change: hostileChange(text)},
				{Address: text, Action: ActionChange, change: hostileChange(text)},
				{Address: text, Action: ActionAdd, change: hostileChange(text)},
				{Address: text, Action: ActionRead},
			},
			Outputs: []Output{
				{Name: text, Action: ActionChange, Before: text, After: text},
				{Name: text, Action: ActionChange, change: hostileChange(text)},
			},
			Invocations: []Invocation{{Address: text, Trigger: text, Event: text}},
			Checks:      []Check{{Address: text, Messages: []string{text, text}}},
			Drift:       []Resource{{Address: text, Action: ActionChange, change: hostileChange(text)}},
			Errored:     true, Partial: true, UnknownChecks: 1, Terraform: text,
		},
		Runs:       []Run{{Kind: text, Address: text, Text: text}},
		Violations: []Violation{{Rule: text, What: text}},
		Warnings:   []string{text}, Providers: []string{text}, RunURL: "https://" + text,
		Record: Record{Key: keyOfNobody, Of: 1, Effects: []Effect{{Address: text, Action: ActionAdd}}},
		Before: Render(Comment{Fingerprint: word("2"), Record: Record{Key: keyOfNobody, Of: 2, Effects: []Effect{
			{Address: text, Action: ActionDestroy}, {Address: text + "2", Action: ActionChange},
		}, Inputs: []Input{{Kind: text, Name: text}}}}),
		Cost: &cost.Cost{Currency: text, After: one, Diff: one, Problems: []string{text}, Resources: []cost.Resource{
			{Name: text, Project: text, Before: &one, Diff: one},
		}},
	}
}

// hostileChange changes text wherever a value may be: in maps, lists, JSON, YAML and
// lines.
func hostileChange(text string) *tfjson.Change {
	values := func(other string) any {
		text := text + other
		return map[string]any{
			text: text, "list": []any{text, text + "x"}, "json": CompactJSON(map[string]any{text: text}),
			"yaml": "key: " + CompactJSON(text) + "\nother: 1\n", "lines": "first\n" + text + "\nlast\n",
			"hidden": text, "later": text,
		}
	}
	return &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionUpdate}, Before: values("a"), After: values("b"),
		BeforeSensitive: map[string]any{"hidden": true}, AfterSensitive: map[string]any{"hidden": true}, AfterUnknown: map[string]any{"later": true, text: true}}
}

var attacks = []string{
	"", " ", "|", "||", "\\", "\\|", "`", "``", "`|`", "` | `", "\n", "\n\n# h1\n\n", "\r", "\r\n```\r\n", "```\n</details>\n<h1>x</h1>",
	"````", "~~~\n", "</code></pre></details>", "<script>alert(1)</script>", "<!--", "-->", "--->", "]]>", "@octocat", " @octocat ",
	"[x](http://example.com)", "![x](http://example.com/x.png)", "http://example.com", "www.example.com", "a@example.com", "~~del~~", "**bold**",
	"&#124;", "&lt;", "\u2028x", "\u202e", "\x00", "\x1b[31m", "\x1b]8;;http://x\x07", "\xff\xfe", "- [ ] task", "> quote", "1. list", "\t", "    code",
	"`\\`|", "\\`", "\\\\`|x", "$x$", "#1", ":tada:", "\n> [!NOTE]\n", "\n<!-- gitops:fingerprint sha256:" + "11111111" + " -->",
	"a" + strings.Repeat("`", 300), strings.Repeat("|", 300), strings.Repeat("é", 300),
}

func TestHostileTextIsConfined(t *testing.T) {
	for _, attack := range attacks {
		check(t, attack)
	}
}

func check(t testing.TB, text string) {
	t.Helper()
	c := hostile(text)
	body := Render(c)
	if rows := confined(t, body); rows < 3 || !strings.Contains(body, canary) {
		t.Errorf("%q: the comment has %d rows, and no hostile text or some: %v", text, rows, strings.Contains(body, canary))
	}
	if _, err := HTML(body); err != nil {
		t.Errorf("%q: no page: %v", text, err)
	}
	if fingerprint, found := ParseFingerprint(body); !found || fingerprint != c.Fingerprint {
		t.Errorf("%q: the fingerprint is %q", text, fingerprint)
	}
	if first, _, _ := strings.Cut(body, "\n"); first != Marker(c.Dir, c.Workspace) {
		t.Errorf("%q: the first line is %s", text, first)
	}
	refusal := RenderRefusal(Refusal{Comment: c, Reviewed: text, Difference: Difference{
		OnlyNow: []Effect{{Address: c.Dir, Action: ActionAdd}}, Other: []Change{{Address: c.Dir}}}})
	confined(t, refusal)
	if !strings.Contains(refusal, canary) {
		t.Errorf("%q: a refusal without the hostile text", text)
	}
	if _, found := ParseFingerprint(refusal); found {
		t.Errorf("%q: a refusal has a fingerprint", text)
	}
	c.Failure = &Failure{Step: c.Dir, Output: c.PlanText}
	body = Render(c)
	confined(t, body)
	if _, found := ParseFingerprint(body); found {
		t.Errorf("%q: a failure has a fingerprint", text)
	}
	c.Failure, c.Summary = nil, Summary{}
	confined(t, Render(c))
	c.Violations, c.Warnings = nil, nil
	if body = Render(c); !strings.Contains(body, "**No changes** in ") {
		t.Errorf("%q: no changes give\n%s", text, body)
	}
	confined(t, body)
}

// What is recorded from Terraform is hostile as well, in part.
func TestRecordedPlansAreConfined(t *testing.T) {
	hostileKeys := false
	for _, name := range []string{"create", "everything", "destroy", "nochange", "aws", "scale"} {
		body := Render(commentOn(t, name))
		hostileKeys = hostileKeys || strings.Contains(body, "<b>") && strings.Contains(body, "**stars")
		confined(t, body)
		if page := toHTML(t, body); strings.Contains(page, "<b>") || strings.Contains(page, "<strong>stars") {
			t.Errorf("%s: a for_each key is HTML or Markdown", name)
		}
	}
	if !hostileKeys {
		t.Error("no recorded plan has keys that would be HTML and Markdown: this test proves nothing")
	}
}

func TestEveryBudgetHolds(t *testing.T) {
	// The plan is this twice, with canaries and a line between.
	long := strings.Repeat("`|é\n", 20000)
	for _, rows := range []int{0, 1, 20, 150} {
		c := hostile(long)
		for i := range rows {
			c.Summary.Resources = append(c.Summary.Resources, Resource{Address: fmt.Sprint(i, long[:300]), Action: ActionReplace, ForcedBy: []string{long, long, long, long, long, long}})
			c.Summary.Outputs = append(c.Summary.Outputs, Output{Name: long, Before: long, After: long, Action: ActionAdd})
			c.Cost.Resources = append(c.Cost.Resources, cost.Resource{Name: long, Project: long, Added: true})
		}
		body := Render(c)
		confined(t, body)
		if !strings.Contains(body, "<sub>") || !strings.Contains(body, "cut here: 1600") && !strings.Contains(body, "does not fit here: 1600") {
			t.Errorf("%d rows: the footer or the cut is missing", rows)
		}
	}
}

// word is a fingerprint all of whose digits are one.
func word(digit string) string {
	return "sha256:" + strings.Repeat(digit, 64) + "." + strings.Repeat(digit, 64)
}
