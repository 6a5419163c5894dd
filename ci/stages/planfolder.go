package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/progress"
	"gitops/ci/review"
)

// The files of a plan folder, which plan writes and review reads, perhaps in another
// container. Only tfplan holds secrets, and review does not need it.
//
// effects.json is what the plan would do, for apply to compare: a JSON array of
// review.Effect. Its digests are made from the plan before it is masked, as apply
// makes them. From plan.json they would be others: that has other values wherever a
// secret was replaced.
const (
	planFile    = "tfplan"       // what terraform apply takes
	planJSON    = "plan.json"    // the plan for reading and for Infracost, without sensitive values and known secrets
	planText    = "plan.txt"     // the plan as terraform prints it, likewise
	planEffects = "effects.json" // the effects
	planError   = "error.txt"    // why there is no plan
	planMeta    = "result.json"  // PlanResult, with the fingerprint
)

// planned is a plan as review and apply use it: just made, or read from its folder.
type planned struct {
	PlanResult
	effects []review.Effect // digests from the plan itself, addresses without secrets
	masked  *tfjson.Plan    // what may be shown
	text    string          // what may be shown
}

// write makes the folder's files but tfplan, which Terraform writes.
func (p planned) write(dir string) error {
	files := []struct {
		name    string
		content any
	}{{planJSON, p.masked}, {planEffects, p.effects}, {planMeta, p.PlanResult}}
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
	c.Workspace, c.Fingerprint, c.Effects = p.Workspace, p.Fingerprint, p.effects
	c.Summary, c.PlanText, c.Platforms = review.Summarize(p.masked), p.text, p.platforms()
}

// platforms are the server's, and those that images were built for where it was planned.
func (p planned) platforms() review.Platforms {
	return review.Platforms{Server: review.ServerPlatform(p.masked), Built: p.PlanResult.Platforms}
}

// limits are the most that the files of a plan folder may have, in bytes.
var limits = map[string]int64{planMeta: 64 << 10, planError: 1 << 20, planEffects: 16 << 20, planText: 64 << 20, planJSON: 128 << 20}

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
	for _, file := range []struct {
		name   string
		target any
	}{{planMeta, &p.PlanResult}, {planEffects, &p.effects}} {
		data, err := readFile(root, file.name)
		if err != nil {
			return p, err
		}
		if err := json.Unmarshal(data, file.target); err != nil {
			return p, fmt.Errorf("reading %s: %w", file.name, err)
		}
	}
	if !review.IsFingerprint(p.Fingerprint) {
		return p, fmt.Errorf("reading %s: the fingerprint is %.100q, and must be sha256: with 64 digits", planMeta, p.Fingerprint)
	}
	if err := review.CheckEffects(p.effects); err != nil {
		return p, fmt.Errorf("reading %s: %w", planEffects, err)
	}
	data, err := readFile(root, planJSON)
	if err != nil {
		return p, err
	}
	if p.masked, err = review.ParsePlan(data); err != nil {
		return p, fmt.Errorf("reading %s: %w", planJSON, err)
	}
	text, err := readFile(root, planText)
	p.text = string(text)
	return p, err
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
