package review

import (
	"bytes"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	c := commentOn(t, "shop")
	var page bytes.Buffer
	if err := WritePage(&page, "1 to <add>", Render(c)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<title>1 to &lt;add&gt;</title>", `<blockquote class="alert caution">`, `<p class="kind">Caution</p>`,
		`<span class="changed">! instance_type: &#34;t3.micro&#34; → &#34;t3.small&#34;</span>`,
		`<span class="removed">- ingress[1].from_port: 22</span>`, "<details><summary>Full plan</summary>", "default-src 'none'",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %s:\n%s", want, page.String())
		}
	}
	if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "src=") {
		t.Error("the page loads or runs something")
	}
}

// The page shows the same text as code that the comment has.
func TestThePageIsConfined(t *testing.T) {
	for _, attack := range attacks {
		body := Render(hostile(attack))
		_, body, _ = strings.Cut(body, "\n\n")
		page, err := HTML(body)
		if err != nil {
			t.Fatal(err)
		}
		outside := codeElement.ReplaceAllString(strings.NewReplacer("<span class=\"added\">", "", "<span class=\"removed\">", "",
			"<span class=\"changed\">", "", "<span class=\"remark\">", "", "</span>", "").Replace(string(page)), "")
		for _, bad := range []string{canary, "<script", "<img", "<h1", "<a "} {
			if strings.Contains(outside, bad) {
				t.Errorf("%q: %s stands outside of code in\n%s", attack, bad, outside)
			}
		}
	}
}
