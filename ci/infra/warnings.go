package infra

import (
	"regexp"
	"strings"
)

var (
	warned  = regexp.MustCompile(`^Warning: (.+)$`)
	onLine  = regexp.MustCompile(`^\s*on (.+) line ([0-9]+)`)
	endWarn = regexp.MustCompile(`^(Error: |─{3}|Saved the plan|Plan: |No changes)`)
)

// checkFailed is the warning about a check that does not hold; the plan's JSON has that.
const checkFailed = "Check block assertion failed"

// warnings finds what Terraform warned of in what it printed, a line each: its summary
// and its place. A warning about several places stands once for each.
func warnings(printed string) (all []string) {
	open := false // whether the last warning may still get its place
	for line := range strings.SplitSeq(box.ReplaceAllString(printed, ""), "\n") {
		line = strings.TrimRight(line, "\r ")
		switch match, at := warned.FindStringSubmatch(line), onLine.FindStringSubmatch(line); {
		case match != nil && match[1] == checkFailed, endWarn.MatchString(line):
			open = false
		case match != nil:
			all, open = append(all, match[1]), true
		case at != nil && open:
			all[len(all)-1] += " at " + at[1] + ":" + at[2]
			open = false
		}
	}
	return all
}
