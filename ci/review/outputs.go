package review

import (
	"fmt"

	"gitops/ci/secret"
)

// outputs shows the outputs that change, as values of resources are shown.
func (r *renderer) outputs() {
	var rows []string
	for _, output := range r.Summary.Outputs {
		for _, v := range output.values(r.Redactor) {
			for _, line := range r.valueLines(v) {
				rows = append(rows, line+"\n")
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	shown := &page{left: outputBudget}
	shown.list(outputBudget, "", rows, func(left int) string { return fmt.Sprintf("# … and %d more lines\n", left) })
	r.page.write("**Outputs**\n\n" + block("diff", shown.text.String()) + "\n\n")
}

// values are what changes of an output, under its name.
func (o Output) values(redactor *secret.Redactor) []value {
	if o.change == nil {
		return []value{{sign: outputSigns[o.Action], path: o.Name, before: o.Before, after: o.After}}
	}
	c := comparison{redactor: redactor}
	if changeAction(o.change.Actions) == ActionDestroy {
		return []value{{sign: signRemoved, path: o.Name, before: o.Before}}
	}
	p := pair{o.change.Before, o.change.After, o.change.AfterUnknown, o.change.BeforeSensitive, o.change.AfterSensitive}
	if o.Action == ActionAdd {
		p.before = nil
	}
	c.any(joined("", o.Name), p)
	if c.left > 0 {
		c.values = append(c.values, value{sign: '#', path: o.Name, before: fmt.Sprintf("%d more", c.left)})
	}
	return c.values
}

var outputSigns = map[Action]rune{ActionAdd: signAdded, ActionDestroy: signRemoved, ActionChange: signChanged}
