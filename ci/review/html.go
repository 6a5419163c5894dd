package review

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	nodes "github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("review").Parse(pageSource))

// WritePage writes a comment that Render made as one page that loads nothing, as GitHub
// would show it.
func WritePage(w io.Writer, title, body string) error {
	comment, err := HTML(body)
	if err != nil {
		return err
	}
	err = pageTemplate.Execute(w, struct {
		Title   string
		Comment template.HTML
	}{title, comment})
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// HTML renders a comment that Render made: GitHub's Markdown with its alerts and the
// colours of differences. The raw HTML in it is Render's; a page must let no script run
// all the same.
func HTML(body string) (template.HTML, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe(), html.WithHardWraps(),
		nodes.WithNodeRenderers(util.Prioritized(differences{}, 100))))
	var out bytes.Buffer
	if err := markdown.Convert([]byte(body), &out); err != nil {
		return "", fmt.Errorf("rendering the comment: %w", err)
	}
	return template.HTML(alerts(out.String())), nil //nolint:gosec // Render escapes all text of a plan
}

var alert = regexp.MustCompile(`<blockquote>\n<p>\[!(CAUTION|WARNING|NOTE)\](<br>)?\n`)

// alerts makes of GitHub's quotes that begin with [!CAUTION] what they look like.
func alerts(page string) string {
	return alert.ReplaceAllStringFunc(page, func(start string) string {
		kind := alert.FindStringSubmatch(start)[1]
		name := kind[:1] + strings.ToLower(kind[1:])
		return `<blockquote class="alert ` + strings.ToLower(kind) + "\">\n<p class=\"kind\">" + name + "</p>\n<p>"
	})
}

// differences renders fenced code; the lines of a diff get classes by their signs.
type differences struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (d differences) RegisterFuncs(r nodes.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, d.render)
}

var lineClasses = map[byte]string{'+': "added", '-': "removed", '!': "changed", '#': "remark"}

func (d differences) render(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	fenced := node.(*ast.FencedCodeBlock)
	language := string(fenced.Language(source))
	_, _ = w.WriteString("<pre><code class=\"language-" + template.HTMLEscapeString(language) + "\">")
	for i := range fenced.Lines().Len() {
		segment := fenced.Lines().At(i)
		line := segment.Value(source)
		class := ""
		if language == "diff" && len(line) > 0 {
			class = lineClasses[line[0]]
		}
		text := template.HTMLEscapeString(string(line))
		if class != "" {
			text = `<span class="` + class + `">` + strings.TrimSuffix(text, "\n") + "</span>\n"
		}
		_, _ = w.WriteString(text)
	}
	_, err := w.WriteString("</code></pre>\n")
	return ast.WalkSkipChildren, err
}
