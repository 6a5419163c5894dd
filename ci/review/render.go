package review

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gitops/ci/cost"
	"gitops/ci/secret"
)

// Comment is what the comment on a pull request says about one root directory
// and workspace. Every text in it may be anything: Render quotes it.
type Comment struct {
	Dir       string // the root directory, "." when empty
	Workspace string // "default" when empty
	Summary   Summary
	PlanText  string // the output of `terraform show PLANFILE`
	Cost      *cost.Cost
	// NoCost says why there is no cost: "no INFRACOST_API_KEY". With neither a
	// Cost nor a reason, nothing is said about cost.
	NoCost      string
	Platforms   Platforms // a warning is shown where images would not run on the server
	Fingerprint string    // of Fingerprint
	Record      Record    // what the fingerprint covers; hidden in the comment, for ParseRecord
	Commit      string    // the head commit that was planned
	Time        time.Time // when it was planned
	Failure     *Failure  // set when there is no plan
	// Redactor knows the secrets that must appear nowhere.
	Redactor *secret.Redactor
}

// Failure is why there is no plan.
type Failure struct {
	Step   string // "init", "validate" or "plan"
	Output string // what Terraform printed; its last words are shown
}

// The parts of the budget that lists may use, in bytes. The rest, and what they
// leave, is the full plan's.
const (
	warningBudget = 10000
	tableBudget   = 16000
	outputBudget  = 6000
	costBudget    = 8000
	lastWords     = 12000
)

// Render writes the comment as GitHub's Markdown, never longer than Limit. Its
// first line is Marker, its second is for ParseFingerprint.
func Render(c Comment) string {
	r := renderer{Comment: c, clean: cleaner{c.Redactor}}
	if c.Failure != nil {
		r.Fingerprint, r.Record, r.Cost, r.NoCost = "", Record{}, nil, "" // nothing of a failed plan may be applied
	}
	footer := r.footer()
	r.page.left = Limit - sealSize - endingSize - len(footer)
	r.page.write(Marker(c.Dir, c.Workspace) + "\n" + fingerprintMark(r.Fingerprint) + "\n" + r.record() + "\n")
	switch {
	case c.Failure != nil:
		r.failure()
	case c.Summary.Empty():
		r.noChanges()
		return r.page.text.String()
	default:
		r.changes()
	}
	return r.page.text.String() + footer
}

// record is the hidden line that explains the fingerprint.
func (r *renderer) record() string {
	if r.Fingerprint == "" || len(r.Record.Inputs) == 0 {
		return ""
	}
	return recordMark(r.Record.Clean(r.Redactor.Redact))
}

type renderer struct {
	Comment
	clean cleaner
	page  page
}

func (r *renderer) changes() {
	r.page.write("### " + r.headline() + "\n\n" + r.where() + "\n\n")
	r.warning()
	r.platforms()
	r.table()
	r.outputs()
	r.cost()
	r.plan()
}

// headline is Headline with the currency, the one text in it, made safe.
func (r *renderer) headline() string { return Headline(r.Summary, r.safeCost()) }

func (r *renderer) safeCost() *cost.Cost {
	if r.Cost == nil {
		return nil
	}
	safe := *r.Cost
	safe.Currency = currencyCode(safe.Currency)
	return &safe
}

// currencyCode returns code if it is made of capital letters, as all codes are.
func currencyCode(code string) string {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "(unknown currency)"
	}
	return code
}

func (r *renderer) where() string {
	dir, workspace := r.Dir, r.Workspace
	if dir == "" {
		dir = "."
	}
	if workspace == "" {
		workspace = "default"
	}
	return r.clean.code(dir) + ", workspace " + r.clean.code(workspace)
}

func (r *renderer) warning() {
	var rows []string
	for _, resource := range r.Summary.Resources {
		if resource.Action == ActionDestroy || resource.Action == ActionReplace {
			rows = append(rows, "> - **"+string(resource.Action)+"** "+r.clean.code(resource.Address)+r.because(resource)+"\n")
		}
	}
	head := "> [!CAUTION]\n> **" + losses(r.Summary.Counts) + "**\n>\n"
	r.page.list(warningBudget, head, rows, func(left int) string {
		return fmt.Sprintf("> - … and %d more\n", left)
	})
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

// platforms warns of images that would not run on the server.
func (r *renderer) platforms() {
	if text := r.Platforms.warning(r.clean.code); text != "" {
		r.page.write("> [!WARNING]\n> " + text + "\n\n")
	}
}

func losses(c Counts) string {
	var parts []string
	if c.Destroy > 0 {
		parts = append(parts, fmt.Sprintf("%d %s destroyed", c.Destroy, plural(c.Destroy, "resource is", "resources are")))
	}
	if c.Replace > 0 {
		parts = append(parts, fmt.Sprintf("%d %s replaced", c.Replace, plural(c.Replace, "resource is", "resources are")))
	}
	return strings.Join(parts, ", ") + ": what they hold is lost"
}

// because says what leads to an action: the attributes that force a replacement,
// Terraform's reason, where a resource comes from.
func (r *renderer) because(resource Resource) string {
	var parts []string
	if len(resource.ForcedBy) > 0 {
		parts = append(parts, "forced by "+r.codes(resource.ForcedBy))
	} else if resource.Reason != "" {
		parts = append(parts, resource.Reason)
	}
	if resource.CreateFirst {
		parts = append(parts, "the new one is made first")
	}
	if resource.Previous != "" {
		parts = append(parts, "moved from "+r.clean.code(resource.Previous))
	}
	if resource.ImportID != "" {
		parts = append(parts, "imported from "+r.clean.code(resource.ImportID))
	}
	if len(parts) == 0 {
		return ""
	}
	return " · " + strings.Join(parts, " · ")
}

// codes quotes the first few texts.
func (r *renderer) codes(texts []string) string {
	const most = 5
	var quoted []string
	for _, text := range texts[:min(most, len(texts))] {
		quoted = append(quoted, r.clean.code(text))
	}
	if len(texts) > most {
		quoted = append(quoted, fmt.Sprintf("%d more", len(texts)-most))
	}
	return strings.Join(quoted, ", ")
}

func (r *renderer) table() {
	var rows []string
	for _, resource := range r.Summary.Resources {
		note := strings.TrimPrefix(r.because(resource), " · ")
		rows = append(rows, "| "+string(resource.Action)+" | "+r.clean.code(resource.Address)+" | "+note+" |\n")
	}
	r.page.list(tableBudget, "| action | resource | |\n|---|---|---|\n", rows, func(left int) string {
		return fmt.Sprintf("| … | and %d more | |\n", left)
	})
	r.page.write("\n")
}

func (r *renderer) outputs() {
	var rows []string
	for _, output := range r.Summary.Outputs {
		rows = append(rows, "| "+string(output.Action)+" | "+r.clean.code(output.Name)+" | "+
			r.value(output.Before)+" | "+r.value(output.After)+" |\n")
	}
	r.page.list(outputBudget, "| output | name | before | after |\n|---|---|---|---|\n", rows, func(left int) string {
		return fmt.Sprintf("| … | and %d more | | |\n", left)
	})
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

// value quotes an output's value. What Summarize put in a value's place is in
// parentheses, which a code span shows well enough.
func (r *renderer) value(text string) string {
	if text == "" {
		return ""
	}
	return r.clean.code(text)
}

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

func (r *renderer) footer() string {
	var b strings.Builder
	if r.Fingerprint != "" {
		b.WriteString("Fingerprint " + r.clean.code(r.Fingerprint) + "\n")
	}
	b.WriteString("<sub>" + strings.Join(r.provenance(), " · ") + "</sub>\n")
	return b.String()
}

// provenance says what was planned and until when that holds.
func (r *renderer) provenance() []string {
	var parts []string
	if r.Commit != "" {
		parts = append(parts, "commit "+r.clean.code(r.Commit))
	}
	if !r.Time.IsZero() {
		parts = append(parts, "planned "+r.Time.UTC().Format("2006-01-02 15:04:05")+" UTC")
	}
	if r.Failure != nil {
		return append(parts, "nothing can be applied until a plan succeeds")
	}
	return append(parts, "stale after another commit, an apply, a change made outside of Terraform, "+
		"or with other variables, provider or module versions: what is applied must have this fingerprint")
}

func (r *renderer) noChanges() {
	parts := []string{"**No changes** in " + r.where()}
	if monthly := r.safeCost(); monthly != nil {
		parts = append(parts, costPerMonth(*monthly))
	}
	if r.NoCost != "" {
		parts = append(parts, "no cost: "+r.clean.code(r.NoCost))
	}
	if r.Fingerprint != "" {
		parts = append(parts, "fingerprint "+r.clean.code(r.Fingerprint))
	}
	r.page.write(strings.Join(append(parts, r.provenance()...), " · ") + "\n")
	if r.Platforms.Warning() != "" {
		r.page.write("\n")
		r.platforms()
	}
}

func (r *renderer) failure() {
	r.page.write("### " + r.clean.code("terraform "+r.Failure.Step) + " failed\n\n" + r.where() + "\n\n")
	text := strings.TrimSpace(r.clean.text(r.Failure.Output))
	if text == "" {
		r.page.write("It printed nothing.\n\n")
		return
	}
	said := "Its output:\n\n"
	if len(text) > lastWords {
		said = fmt.Sprintf("Its last words, of %d characters:\n\n", utf8.RuneCountInString(text))
		text = ending(text, lastWords)
	}
	r.page.write(said + block("text", text) + "\n\n")
}

// ending returns at most limit bytes from the end of text, whole lines if
// there is one.
func ending(text string, limit int) string {
	start := len(text) - limit
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	text = text[start:]
	if end := strings.IndexByte(text, '\n'); end >= 0 && end+1 < len(text) {
		return text[end+1:]
	}
	return text
}
