package rehearsal

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"gitops/ci/review"
	"gitops/ci/stages"
)

//go:embed pictures.html
var picturePage string

var pictureTemplate = template.Must(template.New("picture").Funcs(template.FuncMap{
	"short": shortRef,
	"share": func(part, whole float64) float64 {
		if whole <= 0 {
			return 0
		}
		return min(100*part/whole, 100)
	},
}).Parse(picturePage))

// shortRef cuts the digest of a ref to what a person compares.
func shortRef(ref string) string {
	name, digest, found := strings.Cut(ref, "@sha256:")
	if !found {
		return ref
	}
	return name + "@" + digest[:min(len(digest), 12)]
}

// picture is the content of one page.
type picture struct {
	Title   string
	Receipt *stages.DeployResult
}

// WriteReviewPage writes a review comment alone as a page, for a picture of it.
func WriteReviewPage(w io.Writer, comment string) error {
	return review.WritePage(w, "review", comment)
}

// WriteReceiptPage writes the last deploy's receipt as a page, for a picture of it.
func (r *Report) WriteReceiptPage(w io.Writer) error {
	var receipt stages.DeployResult
	if err := json.Unmarshal([]byte(r.Receipt), &receipt); err != nil {
		return fmt.Errorf("reading the receipt: %w", err)
	}
	return pictureTemplate.Execute(w, picture{Title: "receipt", Receipt: &receipt})
}
