package main

import (
	"cmp"
	"fmt"
	"html"
	"os"
	"slices"
	"strings"
	"time"

	"gitops/ci/lab/loadtest"
)

// Measures of the picture, in its own units.
const (
	pictureWidth = 860
	panelHeight  = 150
	panelGap     = 66
	leftEdge     = 56
	rightEdge    = 16
	topEdge      = 44
	bottomEdge   = 46
	step         = 500 * time.Millisecond
	before       = 4 * time.Second
)

// Colours that can be told apart by people who do not see red and green, on white and on
// dark; the system's setting decides.
const pictureStyle = `text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:14px}.axis{stroke:#8c959f;stroke-width:1}
.grid{stroke:#d0d7de;stroke-width:1}.small{fill:#59636e;font-size:12px}.answered{fill:#54aeff}.failed{fill:#cf222e}.deploy{fill:#818b98;fill-opacity:.16}.back{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.axis{stroke:#656c76}.grid{stroke:#3d444d}.answered{fill:#1f6feb}.failed{fill:#ff7b72}.deploy{fill:#9198a1}.back{fill:#0d1117}}`

// panel is one deploy under the load.
type panel struct {
	name   string
	result loadtest.Result
	// from, begin, end and to are since the load began: what is shown, and the deploy.
	from, begin, end, to time.Duration
}

// writePicture draws the worst deploy of this project above the worst of the article's way.
func writePicture(outcomes []outcome, file string) error {
	if file == "" {
		return nil
	}
	var panels []panel
	for _, key := range []string{"ours", "article"} {
		at := slices.IndexFunc(outcomes, func(o outcome) bool { return o.way.key == key })
		if at < 0 {
			return fmt.Errorf("the picture needs the ways ours and article")
		}
		name := map[string]string{"ours": "This project", "article": "The article’s way, pull and up -d"}[key]
		panels = append(panels, worst(name, outcomes[at].result))
	}
	length := time.Duration(0)
	for _, p := range panels {
		length = max(length, p.to-p.from)
	}
	for i := range panels {
		panels[i].extend(length)
	}
	if err := os.WriteFile(file, []byte(draw(panels, length)), 0o644); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// extend shows more of the time after the deploy, up to the next one.
func (p *panel) extend(length time.Duration) {
	next := p.result.Lasted
	for _, mark := range p.result.Marks {
		if mark.Name == "begin" && mark.At > p.begin {
			next = min(next, mark.At)
		}
	}
	p.to = max(p.to, min(p.from+length, next))
}

// worst returns the deploy in which most requests failed.
func worst(name string, r loadtest.Result) panel {
	var panels []panel
	for i, mark := range r.Marks {
		if mark.Name == "begin" && i+2 < len(r.Marks) {
			panels = append(panels, panel{name, r, max(mark.At-before, 0), mark.At, r.Marks[i+1].At, r.Marks[i+2].At})
		}
	}
	if len(panels) == 0 {
		return panel{name: name, result: r, to: r.Lasted, end: r.Lasted}
	}
	return slices.MaxFunc(panels, func(a, b panel) int { return cmp.Compare(a.failed(), b.failed()) })
}

// counts returns the points that the panel shows.
func (p panel) counts() []loadtest.Point {
	return slices.DeleteFunc(p.result.Series(step), func(one loadtest.Point) bool { return one.At < p.from || one.At+step > p.to })
}

func (p panel) failed() (sum int) {
	for _, one := range p.counts() {
		sum += one.Failed
	}
	return sum
}

func (p panel) requests() (sum int) {
	for _, one := range p.counts() {
		sum += one.Requests
	}
	return sum
}

// draw returns the picture. All panels have the same axes.
func draw(panels []panel, length time.Duration) string {
	most := 1.0
	for _, p := range panels {
		for _, one := range p.counts() {
			most = max(most, float64(one.Requests)/step.Seconds())
		}
	}
	height := topEdge + len(panels)*panelHeight + (len(panels)-1)*panelGap + bottomEdge
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s"><style>%s</style>`+"\n",
		pictureWidth, height, html.EscapeString(described(panels)), pictureStyle)
	fmt.Fprintf(&b, `<rect class="back" width="%d" height="%d"/>`+"\n", pictureWidth, height)
	for i, p := range panels {
		a := axes{top: topEdge + i*(panelHeight+panelGap), length: length, most: most * 1.02}
		a.panel(&b, p)
		if i == 0 {
			a.legend(&b)
		}
	}
	fmt.Fprintf(&b, `<text class="small" x="%d" y="%d" text-anchor="middle">seconds since the deploy began</text>`+"\n", (leftEdge+pictureWidth-rightEdge)/2, height-8)
	b.WriteString("</svg>\n")
	return b.String()
}

func described(panels []panel) string {
	var parts []string
	for _, p := range panels {
		parts = append(parts, p.title())
	}
	return strings.Join(parts, "; ")
}

func (p panel) title() string {
	return fmt.Sprintf("%s: %s of %s requests failed", p.name, thousands(p.failed()), thousands(p.requests()))
}

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// axes place times and rates in one panel.
type axes struct {
	top    int
	length time.Duration
	most   float64 // requests per second
}

func (a axes) x(since time.Duration) float64 {
	return leftEdge + float64(pictureWidth-leftEdge-rightEdge)*since.Seconds()/a.length.Seconds()
}

func (a axes) y(rate float64) float64 {
	return float64(a.top+panelHeight) - panelHeight*rate/a.most
}

func (a axes) panel(b *strings.Builder, p panel) {
	bottom := a.top + panelHeight
	fmt.Fprintf(b, `<text class="title" x="%d" y="%d">%s</text>`+"\n", leftEdge, a.top-24, html.EscapeString(p.title()))
	fmt.Fprintf(b, `<rect class="deploy" x="%.1f" y="%d" width="%.1f" height="%d"/>`, a.x(p.begin-p.from), a.top-18, a.x(p.end-p.begin)-a.x(0), panelHeight+18)
	fmt.Fprintf(b, `<text class="small" x="%.1f" y="%d">deploy, %.0f s</text>`+"\n", a.x(p.begin-p.from)+4, a.top-5, (p.end - p.begin).Seconds())
	a.lines(b, p)
	for _, one := range p.counts() {
		a.bar(b, one, p.from)
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`+"\n", leftEdge, bottom, pictureWidth-rightEdge)
}

// bar draws the requests of one step: the failed ones on the axis, the others above.
func (a axes) bar(b *strings.Builder, one loadtest.Point, from time.Duration) {
	x, width := a.x(one.At-from), a.x(step)-a.x(0)-1
	failed, all := float64(one.Failed)/step.Seconds(), float64(one.Requests)/step.Seconds()
	if one.Failed > 0 {
		// A single failure is seen too.
		top := min(a.y(failed), a.y(0)-2)
		fmt.Fprintf(b, `<rect class="failed" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, top, width, a.y(0)-top)
	}
	if one.Requests > one.Failed {
		fmt.Fprintf(b, `<rect class="answered" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, a.y(all), width, a.y(failed)-a.y(all))
	}
	b.WriteString("\n")
}

// lines draws the grid with its numbers.
func (a axes) lines(b *strings.Builder, p panel) {
	bottom := a.top + panelHeight
	for rate := 0.0; rate <= a.most; rate += 50 {
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f"/>`, leftEdge, a.y(rate), pictureWidth-rightEdge)
		fmt.Fprintf(b, `<text class="small" x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n", leftEdge-6, a.y(rate)+4, rate)
	}
	fmt.Fprintf(b, `<text class="small" transform="translate(14 %d) rotate(-90)" text-anchor="middle">requests per second</text>`+"\n", bottom-panelHeight/2)
	for second := time.Duration(0); second <= a.length-(p.begin-p.from); second += 5 * time.Second {
		fmt.Fprintf(b, `<text class="small" x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", a.x(second+p.begin-p.from), bottom+16, second.Seconds())
	}
}

func (a axes) legend(b *strings.Builder) {
	for i, class := range []string{"answered", "failed"} {
		x := pictureWidth - rightEdge - 160 + i*90
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="10" height="10"/><text class="small" x="%d" y="%d">%[1]s</text>`+"\n", class, x, a.top-33, x+15, a.top-24)
	}
}
