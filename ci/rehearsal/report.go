package rehearsal

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"gitops/ci/progress"
	"gitops/ci/review"
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
	comment, err := review.HTML(r.Review)
	if err != nil {
		return err
	}
	err = pageTemplate.Execute(w, struct {
		*Report
		ReviewHTML template.HTML
		Summary    string
		Benchmark  template.URL
	}{r, comment, r.Summary(), svgURL(benchmark)})
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
