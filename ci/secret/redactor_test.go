package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"gitops/ci/secret"
)

func TestRedactorTakesSecretsOut(t *testing.T) {
	pem := "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----\n"
	r := secret.NewRedactor(secret.New(hidden), secret.New(hidden+" staple"), secret.New(pem), secret.New("abc"), secret.New(""),
		secret.New("hunt3r"), secret.New("8080"), secret.New("true"), secret.New("445566"), secret.New("  padded value \n"),
		secret.New("first part\r\nx\r\nlast part"))
	for text, want := range map[string]string{
		"login with " + hidden + "!":                      "login with [REDACTED]!",
		"login with " + hidden + " staple!":               "login with [REDACTED]!",
		hidden + hidden:                                   "[REDACTED][REDACTED]",
		base64.StdEncoding.EncodeToString([]byte(hidden)): "[REDACTED]",
		"line DDDDEEEEFFFF of a key":                      "line [REDACTED] of a key",
		"all of it: " + pem:                               "all of it: [REDACTED]\n",
		strings.ReplaceAll(pem, "\n", "\r\n"):             "-----BEGIN KEY-----\r\n[REDACTED]\r\n[REDACTED]\r\n-----END KEY-----\r\n",
		"short ones stay: abc, 8080, true":                "short ones stay: abc, 8080, true",
		"-----BEGIN KEY----- is no secret":                "-----BEGIN KEY----- is no secret",
		"a padded value":                                  "a [REDACTED]",
		"the last part of first part":                     "the [REDACTED] of [REDACTED]",
		"first part\nx\nlast part":                        "[REDACTED]",
		"nothing here":                                    "nothing here",
		// Under 8 characters: as whole words.
		"hunt3r, (hunt3r) \"hunt3r\" hunt3r": "[REDACTED], ([REDACTED]) \"[REDACTED]\" [REDACTED]",
		"hunt3rs xhunt3r hunt3r_ éhunt3r":    "hunt3rs xhunt3r hunt3r_ éhunt3r",
		"445566 1445566":                     "[REDACTED] 1445566",
	} {
		if got := r.Redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestNoRedactorKnowsNothing(t *testing.T) {
	var none *secret.Redactor
	none.Add(secret.New(hidden))
	for name, r := range map[string]*secret.Redactor{"nil": none, "zero": {}, "empty": secret.NewRedactor(secret.New("on"))} {
		var out bytes.Buffer
		w := r.Writer(&out)
		if _, err := w.Write([]byte(hidden)); err != nil || r.Redact(hidden) != hidden || out.String() != hidden || string(r.JSON([]byte(`"x"`))) != `"x"` {
			t.Errorf("%s: %v, wrote %q", name, err, out.String())
		}
	}
}

// awkward has what the ways of quoting treat differently.
const awkward = "pä$$ \"w'rd\"\t<&>\\/+?%{a}:${b}@x=;#\u200bé"

func TestRedactorKnowsEveryForm(t *testing.T) {
	quoted := func(html bool) string {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(html)
		if err := encoder.Encode(awkward); err != nil {
			t.Fatal(err)
		}
		return strings.Trim(strings.TrimSpace(out.String()), `"`)
	}
	query := url.QueryEscape(awkward)
	address := url.URL{Scheme: "https", Host: "example.com", User: url.UserPassword("", awkward)}
	login := strings.TrimSuffix(strings.TrimPrefix(address.String(), "https://:"), "@example.com")
	for name, written := range map[string]string{
		"raw": awkward, "JSON": quoted(false), "JSON for HTML": quoted(true),
		"Go": strings.Trim(fmt.Sprintf("%q", awkward), `"`), "Go in ASCII": strings.Trim(fmt.Sprintf("%+q", awkward), `"`),
		"path": url.PathEscape(awkward), "query": query, "component": strings.ReplaceAll(query, "+", "%20"), "login": login,
		"small escapes": strings.ReplaceAll(query, "%C3%A4", "%c3%a4"), "shell": strings.ReplaceAll(awkward, "'", `'\''`),
		"hex": hex.EncodeToString([]byte(awkward)), "HEX": fmt.Sprintf("%X", awkward),
		"terraform":     strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quoted(false)),
		"base64":        base64.StdEncoding.EncodeToString([]byte(awkward)),
		"bare base64":   base64.RawStdEncoding.EncodeToString([]byte(awkward)),
		"base64url":     base64.URLEncoding.EncodeToString([]byte(awkward)),
		"bare base64 2": base64.RawURLEncoding.EncodeToString([]byte(awkward)),
		"with newline":  base64.StdEncoding.EncodeToString([]byte(awkward + "\n")),
	} {
		if name == "small escapes" {
			written = lower(written)
		}
		got := secret.NewRedactor(secret.New(awkward + "\n")).Redact("<" + written + ">")
		if got != "<[REDACTED]>" {
			t.Errorf("%s: %s became %s", name, written, got)
		}
	}
}

// lower writes every escape of a URL with small letters.
func lower(escaped string) string {
	parts := strings.Split(escaped, "%")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToLower(parts[i][:2]) + parts[i][2:]
	}
	return strings.Join(parts, "%")
}

// A secret inside a longer base64 text leaves no more than the characters at its
// edges, which hold up to four of its bits and belong to its neighbours too.
func TestRedactorFindsSecretsInsideBase64(t *testing.T) {
	const token = "sk_live_51Habcdef0123456789"
	r := secret.NewRedactor(secret.New(token))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for before := range 7 {
			for after := range 7 {
				text := encoding.EncodeToString([]byte(strings.Repeat("\xfb", before) + token + strings.Repeat("\xff", after)))
				got := r.Redact(text)
				head, tail, found := strings.Cut(got, secret.Redacted)
				if !found || !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) ||
					len(head) > (8*before+5)/6 || len(text)-len(tail) < 8*(before+len(token))/6 {
					t.Errorf("%d bytes before, %d after: %s became %s", before, after, text, got)
				}
			}
		}
	}
}

func TestRedactedJSONStaysValid(t *testing.T) {
	r := secret.NewRedactor(secret.New(awkward), secret.New("12345678"), secret.New("hunt3r"), secret.New("true"), secret.New("two\nlines"))
	document, err := json.MarshalIndent(map[string]any{
		"text": "it is " + awkward, "number": 1234567890, "whole": 12345678, "yes": true, "nothing": nil, awkward: "name",
		"list": []any{"hunt3r", "hunt3rs", -0.5, "a\\", "two\nlines"}, "empty": "", "quote": `"`,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	safe := r.JSON(document)
	if err := json.Unmarshal(safe, &got); err != nil {
		t.Fatalf("%v in %s", err, safe)
	}
	want := map[string]any{
		"text": "it is [REDACTED]", "number": "[REDACTED]90", "whole": "[REDACTED]", "yes": true, "nothing": nil, "[REDACTED]": "name",
		"list": []any{"[REDACTED]", "hunt3rs", -0.5, "a\\", "[REDACTED]"}, "empty": "", "quote": `"`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if untouched := `{"a" : [1, "x\u0041"]}`; string(r.JSON([]byte(untouched))) != untouched {
		t.Errorf("%s became %s", untouched, r.JSON([]byte(untouched)))
	}
	if broken := string(r.JSON([]byte(`{"a": "` + awkward[:3]))); broken != `{"a": "[REDACTED]"` {
		t.Errorf("what is no JSON became %s", broken)
	}
}

func TestAnnounceMasksEachLine(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	var out bytes.Buffer
	r := secret.NewRedactor(secret.New(hidden), secret.New("-----BEGIN KEY-----\nAAAABBBBCCCC\n  }\nDDDDEEEEFFFF\r\n-----END KEY-----\n"))
	r.Announce(&out)
	r.Add(secret.New("printed nowhere"))
	if out.Len() > 0 {
		t.Errorf("outside GitHub Actions it printed %q", out.String())
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	r.Announce(&out)
	r.Add(secret.New("100% s\rure"), secret.New(hidden), secret.New("on"), secret.New(""), secret.New("hunt3r"))
	want := "::add-mask::" + hidden + "\n::add-mask::AAAABBBBCCCC\n::add-mask::DDDDEEEEFFFF\n::add-mask::printed nowhere\n" +
		"::add-mask::100%25 s\n::add-mask::hunt3r\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
