package secret

import (
	"io"
	"os"
	"strings"
)

// Announce makes GitHub Actions mask the secrets in its log too: w gets an
// ::add-mask:: line for each line of each value, those added later included. It
// writes nothing unless GITHUB_ACTIONS is true: elsewhere it would print secrets.
// GitHub masks a value inside words too, whatever its length.
func (r *Redactor) Announce(w io.Writer) {
	if r == nil || os.Getenv("GITHUB_ACTIONS") != "true" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.masks, r.announced = w, map[string]bool{}
	r.announce()
}

// maskData escapes what ends a command's line, as GitHub undoes it.
var maskData = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")

func (r *Redactor) announce() {
	if r.masks == nil {
		return
	}
	var lines strings.Builder
	for _, value := range r.values {
		for _, line := range secretLines(value) {
			if !r.announced[line] {
				r.announced[line] = true
				lines.WriteString("::add-mask::" + maskData.Replace(line) + "\n")
			}
		}
	}
	if lines.Len() > 0 {
		_, _ = io.WriteString(r.masks, lines.String()) // the redactor does without
	}
}
