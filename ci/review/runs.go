package review

import "fmt"

// Run is something that an apply runs or reaches besides making the changes.
type Run struct {
	Kind    string // such as "provisioner", "external data", "provider"
	Address string // what it belongs to
	Text    string // the command, the account and region, the file
}

// runs lists what the plan also runs, with the actions of providers first.
func (r *renderer) runs() {
	var rows []string
	for _, i := range r.Summary.Invocations {
		note := "asked for"
		if i.Trigger != "" {
			note = "run by " + r.clean.code(i.Trigger)
		}
		if i.Event != "" {
			note += ", " + r.clean.code(i.Event)
		}
		rows = append(rows, "| action | "+r.clean.code(i.Address)+" | "+note+" |\n")
	}
	for _, run := range r.Runs {
		text := ""
		if run.Text != "" {
			text = r.clean.code(run.Text)
		}
		rows = append(rows, "| "+r.clean.code(run.Kind)+" | "+r.clean.code(run.Address)+" | "+text+" |\n")
	}
	if len(rows) == 0 {
		return
	}
	head := "**What this plan also runs**\n\n| kind | of | |\n|---|---|---|\n"
	r.page.list(runsBudget, head, rows, func(left int) string { return fmt.Sprintf("| … | and %d more | |\n", left) })
	r.page.write("\n")
}
