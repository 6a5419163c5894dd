package rehearsal

import (
	_ "embed"
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
// stages, the review comment as GitHub would render it, and the receipt.
func (r *Report) WriteHTML(w io.Writer) error {
	comment, err := review.HTML(r.Review)
	if err != nil {
		return err
	}
	err = pageTemplate.Execute(w, struct {
		*Report
		ReviewHTML template.HTML
		Summary    string
	}{r, comment, r.Summary()})
	if err != nil {
		return fmt.Errorf("rendering the report: %w", err)
	}
	return nil
}
