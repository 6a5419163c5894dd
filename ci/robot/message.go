package robot

import (
	"slices"
	"strings"
	"text/template"

	"gitops/ci/manifest"
	"gitops/ci/progress"
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

// message returns the commit message for changes: template, [skip ci], trailers.
func (o *Options) message(changes []manifest.Change) (string, error) {
	parsed, err := template.New("message").Funcs(template.FuncMap{"join": strings.Join}).Parse(o.Message)
	if err != nil {
		return "", progress.Invalid("reading the message template: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, o.messageData(changes)); err != nil {
		return "", progress.Invalid("filling the message template: %w", err)
	}
	subject, body, _ := strings.Cut(strings.TrimSpace(text.String()), "\n")
	if subject == "" || strings.ContainsRune(text.String(), 0) {
		return "", progress.Invalid("the message template gives an empty message")
	}
	if o.SkipCI && !strings.Contains(text.String(), skipCI) {
		subject += " " + skipCI
	}
	parts := []string{subject}
	if body = strings.TrimSpace(body); body != "" {
		parts = append(parts, body)
	}
	trailers := append([]string{"Built-From: " + o.Commit}, o.Trailers...)
	return strings.Join(append(parts, strings.Join(trailers, "\n")), "\n\n") + "\n", nil
}

func (o *Options) messageData(changes []manifest.Change) MessageData {
	data := MessageData{Changes: changes, Commit: o.Commit, Short: o.Commit[:12], Branch: o.Branch, Manifest: o.Manifest}
	for _, change := range changes {
		data.Services = append(data.Services, change.Service)
	}
	slices.Sort(data.Services)
	return data
}
