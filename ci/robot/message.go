package robot

import (
	"slices"
	"strings"
	"text/template"

	"gitops/ci/manifest"
	"gitops/ci/stage"
)

// DefaultMessage is the commit message when none is given.
const DefaultMessage = `Run {{join .Services ", "}} at {{.Short}}
{{range .Changes}}
{{.}}{{end}}
`

// skipCI is what GitHub and most others look for in a commit message.
const skipCI = "[skip ci]"

// MessageData is what the template of a commit message may use.
type MessageData struct {
	Services []string          // that changed, in order
	Changes  []manifest.Change // each prints as "service: old → new"
	Commit   string            // that the images were built from
	Short    string            // its first 12 digits
	Branch   string
	Manifest string
}

// message returns the commit message: template, [skip ci], trailers.
func (j *job) message() (string, error) {
	parsed, err := template.New("message").Funcs(template.FuncMap{"join": strings.Join}).Parse(j.Message)
	if err != nil {
		return "", stage.Invalid("reading the message template: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, j.messageData()); err != nil {
		return "", stage.Invalid("filling the message template: %w", err)
	}
	subject, body, _ := strings.Cut(strings.TrimSpace(text.String()), "\n")
	if subject == "" || strings.ContainsRune(text.String(), 0) {
		return "", stage.Invalid("the message template gives an empty message")
	}
	if j.SkipCI && !strings.Contains(text.String(), skipCI) {
		subject += " " + skipCI
	}
	parts := []string{subject}
	if body = strings.TrimSpace(body); body != "" {
		parts = append(parts, body)
	}
	trailers := append([]string{"Built-From: " + j.Commit}, j.Trailers...)
	return strings.Join(append(parts, strings.Join(trailers, "\n")), "\n\n") + "\n", nil
}

func (j *job) messageData() MessageData {
	data := MessageData{Changes: j.result.Changes, Commit: j.Commit, Short: j.Commit[:12], Branch: j.Branch, Manifest: j.Manifest}
	for _, change := range j.result.Changes {
		data.Services = append(data.Services, change.Service)
	}
	slices.Sort(data.Services)
	return data
}
