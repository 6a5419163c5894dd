package rehearsal

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"gitops/ci/progress"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"seconds": progress.Seconds,
	"percent": func(part, whole time.Duration) string {
		if whole <= 0 {
			return "0%"
		}
		return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
	},
}).Parse(page))

// WriteHTML writes the report as one self-contained page: the timeline of
// stages, the review comment as GitHub would render it, the receipt, and an SVG
// picture of a benchmark of deploys if it is not empty.
func (r *Report) WriteHTML(w io.Writer, benchmark []byte) error {
	review, err := renderMarkdown(r.Review)
	if err != nil {
		return fmt.Errorf("rendering the review comment: %w", err)
	}
	err = pageTemplate.Execute(w, struct {
		*Report
		ReviewHTML template.HTML
		Summary    string
		Benchmark  template.URL
	}{r, review, r.Summary(), svgURL(benchmark)})
	if err != nil {
		return fmt.Errorf("rendering the report: %w", err)
	}
	return nil
}

// svgURL returns a picture as an address that holds it. A page that loads it so runs
// no script of it, and none of its styles.
func svgURL(picture []byte) template.URL {
	if len(picture) == 0 {
		return ""
	}
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(picture)) //nolint:gosec // base64 has no quotes
}

// renderMarkdown renders a comment that our own review stage wrote. It uses the
// few raw tags that GitHub allows in comments (details, summary), and the page's
// content security policy lets no script run.
func renderMarkdown(text string) (template.HTML, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	var out bytes.Buffer
	if err := markdown.Convert([]byte(text), &out); err != nil {
		return "", err
	}
	return template.HTML(out.String()), nil //nolint:gosec // the page's policy lets no script run
}
