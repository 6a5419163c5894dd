package review

import (
	"fmt"
	"strings"
	"time"

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
	// Before is the body of the comment that this one replaces: what differs from it is
	// said. It is empty for a first comment.
	Before string
	// Runs are programs and accesses that an apply makes besides the changes.
	Runs []Run
	// Violations are of CheckPolicy.
	Violations []Violation
	Warnings   []string  // of Terraform
	Providers  []string  // "source version" of each locked provider
	Commit     string    // the head commit that was planned
	RunURL     string    // the page of the run that planned
	Time       time.Time // when it was planned
	Failure    *Failure  // set when there is no plan
	// Redactor knows the secrets that must appear nowhere.
	Redactor *secret.Redactor
}

// The parts of the budget that lists may use, in bytes, in the order in which they are
// spent. The rest, and what they leave, is the full plan's.
const (
	sinceBudget   = 3000
	lossBudget    = 14000
	valueBudget   = 12000
	tableBudget   = 6000
	addedBudget   = 5000
	runsBudget    = 4000
	outputBudget  = 5000
	costBudget    = 6000
	noticeBudget  = 4000
	driftBudget   = 3000
	warningBudget = 2000
	lastWords     = 12000
)

// Render writes the comment as GitHub's Markdown, never longer than Limit. Its
// first line is Marker, its second is for ParseFingerprint.
func Render(c Comment) string {
	if c.Failure != nil {
		c.Fingerprint, c.Record, c.Cost, c.NoCost = "", Record{}, nil, "" // nothing of a failed plan may be applied
	}
	r := renderer{Comment: c, clean: cleaner{c.Redactor}}
	footer := r.footer()
	r.begin(footer)
	switch {
	case c.Failure != nil:
		r.failure()
	case c.Summary.quiet() && len(c.Violations)+len(c.Warnings) == 0:
		r.noChanges()
		return r.page.text.String()
	default:
		r.changes()
		if r.cut > 0 { // values get the room that other parts left
			r = r.again(footer, 0, r.spare-len(r.tooMany(r.cut))-noPlanRoom)
		}
		if r.cut > 0 { // what still does not fit is said where everybody reads it
			r = r.again(footer, r.cut, r.extra)
		}
	}
	return r.page.text.String() + footer
}

// noPlanRoom is how many bytes it takes to say that the full plan does not fit.
const noPlanRoom = 200

// again writes the changes anew, with more room for values.
func (r *renderer) again(footer string, missing, extra int) renderer {
	next := renderer{Comment: r.Comment, clean: r.clean, missing: missing, extra: max(0, extra)}
	next.begin(footer)
	next.changes()
	return next
}

// begin writes the hidden lines, and leaves room for what comes last.
func (r *renderer) begin(footer string) {
	r.page.left = Limit - sealSize - endingSize - len(footer)
	r.page.write(Marker(r.Dir, r.Workspace) + "\n" + fingerprintMark(r.Fingerprint) + "\n" + r.record() + "\n")
}

// tooMany says that some resources are named without their values.
func (r *renderer) tooMany(count int) string {
	return fmt.Sprintf("> [!WARNING]\n> The values of up to %d %s do not fit into this comment: read them in the whole plan before you approve.\n\n",
		count, plural(count, "change", "changes"))
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
	costs map[string]string // what resources cost, by address

	cut     int // resources whose values did not fit
	missing int // the same, of a first attempt
	spare   int // bytes that were left for the full plan
	extra   int // bytes that values get beside their budget
}

func (r *renderer) changes() {
	r.page.write("### " + r.headline() + "\n\n" + r.where() + "\n\n")
	if r.missing > 0 {
		r.page.write(r.tooMany(r.missing))
	}
	r.violations()
	r.since()
	r.losses()
	r.platforms()
	r.changed()
	r.table()
	r.added()
	r.runs()
	r.outputs()
	r.cost()
	r.notices()
	r.spare = r.page.left
	r.plan()
}

// headline is Headline with the currency, the one text in it, made safe.
func (r *renderer) headline() string {
	line := Headline(r.Summary, r.safeCost())
	if n := len(r.Violations); n > 0 {
		line = fmt.Sprintf("Policy: %d %s · ", n, plural(n, "violation", "violations")) + line
	}
	return line
}

func (r *renderer) safeCost() *cost.Cost {
	if r.Cost == nil {
		return nil
	}
	safe := r.Cost.Rounded()
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

// platforms warns of images that would not run on the server.
func (r *renderer) platforms() {
	if text := r.Platforms.warning(r.clean.code); text != "" {
		r.page.write("> [!WARNING]\n> " + text + "\n\n")
	}
}

func (r *renderer) footer() string {
	var b strings.Builder
	if r.Fingerprint != "" {
		b.WriteString("Fingerprint " + r.clean.code(r.Fingerprint) + "\n\n")
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
	if r.RunURL != "" {
		parts = append(parts, r.link("this run", r.RunURL))
	}
	if r.Summary.Terraform != "" {
		parts = append(parts, "Terraform "+r.clean.code(r.Summary.Terraform))
	}
	if len(r.Providers) > 0 {
		parts = append(parts, "providers "+r.codes(r.Providers))
	}
	if r.Failure != nil {
		return append(parts, "nothing can be applied until a plan succeeds")
	}
	stale := "stale after another commit, an apply, a change made outside of Terraform, " +
		"or with other variables, provider or module versions"
	if r.Fingerprint != "" {
		stale += ": what is applied must have this fingerprint"
	}
	return append(parts, stale)
}

func (r *renderer) noChanges() {
	parts := []string{"**No changes** in " + r.where()}
	if before, listed := ParseRecord(r.Before); listed && before.Of > 0 {
		parts = append(parts, fmt.Sprintf("since you last looked: %d gone", before.Of))
	}
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

// violations names the rules that the plan breaks.
func (r *renderer) violations() {
	var rows []string
	for _, violation := range r.Violations {
		rows = append(rows, "> - "+r.clean.code(violation.Rule)+": "+r.clean.code(violation.What)+"\n")
	}
	if len(rows) == 0 {
		return
	}
	r.page.list(noticeBudget, "> [!CAUTION]\n> **The policy forbids this plan**\n>\n", rows, func(left int) string { return fmt.Sprintf("> - … and %d more\n", left) })
	r.page.write("\n")
}
