package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// The files of a plan folder, which plan writes and review reads, perhaps in another
// container. Only tfplan holds secrets, and review does not need it.
//
// effects.json has what cannot be told from plan.json: the inputs, and the digests of
// the values that are masked there. Everything else of the fingerprint is made anew from
// plan.json, which is what the review shows: a folder cannot have the fingerprint of
// one plan and show another.
const (
	planFile    = "tfplan"       // what terraform apply takes
	planJSON    = "plan.json"    // the plan for reading and for Infracost, without sensitive values and known secrets
	planText    = "plan.txt"     // the plan as terraform prints it, likewise
	planEffects = "effects.json" // inputs and digests of masked values
	planError   = "error.txt"    // why there is no plan
	planMeta    = "result.json"  // PlanResult, with the fingerprint
)

// planned is a plan as review and apply use it: just made, or read from its folder.
type planned struct {
	PlanResult
	plan   *tfjson.Plan // as Terraform made it; nil where it was read from a folder
	extra  review.Extra // what it depends on; likewise
	record review.Record
	masks  map[string]string // digests of what is masked, by place
	masked *tfjson.Plan      // what may be shown
	text   string            // what may be shown
}

// bound is the content of effects.json.
type bound struct {
	Record review.Record     `json:"record"`
	Masks  map[string]string `json:"masks"`
}

// write makes the folder's files but tfplan, which Terraform writes.
func (p planned) write(dir string) error {
	files := []struct {
		name    string
		content any
	}{{planJSON, p.masked}, {planEffects, bound{p.record, p.masks}}, {planMeta, p.PlanResult}}
	for _, file := range files {
		data, err := json.Marshal(file.content)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", file.name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, file.name), data, 0o600); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, planText), []byte(p.text), 0o600); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// show puts the plan into a comment.
func (p planned) show(c *review.Comment) {
	c.Workspace, c.Fingerprint, c.Record = p.Workspace, p.Fingerprint, p.record
	c.Summary, c.PlanText, c.Platforms = review.Summarize(p.masked), p.text, p.platforms()
	for _, input := range p.record.Inputs {
		if input.Kind == infra.InputProvider {
			c.Providers = append(c.Providers, strings.TrimPrefix(input.Name, "registry.terraform.io/")+" "+input.Value)
		}
	}
	for _, run := range p.Runs {
		c.Runs = append(c.Runs, review.Run{Kind: run.Kind, Address: run.Address, Text: run.Text})
	}
	for _, v := range p.Volatile {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s gives another value each time: %s", v.File, v.Line, v.Function, v.Remedy))
	}
	c.Warnings = append(c.Warnings, p.Warnings...)
}

// platforms are the server's, and those that images were built for where it was planned.
func (p planned) platforms() review.Platforms {
	return review.Platforms{Server: review.ServerPlatform(p.masked), Built: p.PlanResult.Platforms}
}

// limits are the most that the files of a plan folder may have, in bytes.
var limits = map[string]int64{planMeta: 4 << 20, planError: 1 << 20, planEffects: 64 << 20, planText: 64 << 20, planJSON: 128 << 20}

// readPlan reads a plan folder, which code of a pull request may have written: it is
// data, and progress.Invalid where its shape is not a plan's. When planning failed,
// failure says why; a plan beside it is not used.
func readPlan(dir string) (p planned, failure, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return p, nil, progress.Invalid("opening the folder of a plan: %w: give the folder that gitops plan --out wrote", err)
	}
	defer root.Close()
	reason, err := readFile(root, planError)
	if err == nil {
		return p, errors.New(string(reason) + beside(root)), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		p, err = readPlanned(root)
	}
	if err != nil {
		return planned{}, nil, progress.Invalid("%s is not the folder of a plan: %w: give the folder that gitops plan --out wrote", dir, err)
	}
	return p, nil, nil
}

// beside says that a folder with an error also has a plan.
func beside(root *os.Root) string {
	if _, err := root.Lstat(planMeta); err != nil {
		return ""
	}
	return "\n\nThe folder has a plan as well, " + planMeta + ", of another run. It is not shown: " + planError +
		" counts. Plan again into an empty folder."
}

func readPlanned(root *os.Root) (p planned, err error) {
	var recorded bound
	for _, file := range []struct {
		name   string
		target any
	}{{planMeta, &p.PlanResult}, {planEffects, &recorded}} {
		data, err := readFile(root, file.name)
		if err != nil {
			return p, err
		}
		if err := json.Unmarshal(data, file.target); err != nil {
			return p, fmt.Errorf("reading %s: %w", file.name, err)
		}
	}
	data, err := readFile(root, planJSON)
	if err != nil {
		return p, err
	}
	if p.masked, err = review.ParsePlan(data); err != nil {
		return p, fmt.Errorf("reading %s: %w", planJSON, err)
	}
	text, err := readFile(root, planText)
	if err != nil {
		return p, err
	}
	p.text = string(text)
	return p, p.recheck(recorded)
}

// recheck makes the fingerprint anew from what the folder shows, and refuses a folder
// that says another.
func (p *planned) recheck(recorded bound) error {
	if !review.IsFingerprint(p.Fingerprint) {
		return fmt.Errorf("reading %s: the fingerprint is %.200q, and must be sha256: with 64 digits, a dot and 64 digits", planMeta, p.Fingerprint)
	}
	o, err := review.Recheck(p.masked, recorded.Record, recorded.Masks)
	if err != nil {
		return fmt.Errorf("reading %s: %w", planEffects, err)
	}
	p.record, p.masks = o.Record, recorded.Masks
	if shown := o.Fingerprint.String(); shown != p.Fingerprint {
		return fmt.Errorf("the folder contradicts itself: %s says %s, and %s is a plan with %s", planMeta, p.Fingerprint, planJSON, shown)
	}
	return p.recheckRuns()
}

// recheckRuns refuses a folder whose list of what runs is not the one that its
// fingerprint covers.
func (p *planned) recheckRuns() error {
	redacted := func(part review.Part) bool { return strings.Contains(part.Content, secret.Redacted) }
	if !p.record.HoldsRuns(parts(infra.RunInputs(p.Runs)), redacted) {
		return fmt.Errorf("the folder contradicts itself: what %s says that the configuration runs is not what its fingerprint covers", planMeta)
	}
	return nil
}

// readFile reads a file of a plan folder: a plain one, since a link may lead anywhere
// and a pipe never ends.
func readFile(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the plan: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading the plan: %s is not a plain file", name)
	case info.Size() > limits[name]:
		return nil, fmt.Errorf("reading the plan: %s has %d bytes, more than the %d that a plan may have", name, info.Size(), limits[name])
	}
	return root.ReadFile(name)
}

// empty removes an earlier plan from a plan folder, which is no result of the next one.
func empty(dir string) error {
	for _, name := range []string{planFile, planJSON, planText, planEffects, planError, planMeta} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an earlier plan: %w", err)
		}
	}
	return nil
}
