package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gitops/ci/terminal"
)

const (
	// minLength is how many characters a secret has at least. Shorter values are
	// not looked for: they are ordinary words and numbers, so that the output would
	// become unreadable, and a guess finds them anyway.
	minLength = 4
	// minDigits is the same for values of digits alone: ports, sizes, counts.
	minDigits = 6
	// wordLength is how many characters a value has at least to be looked for
	// inside words too.
	wordLength = 8
	// minPart is how many characters the inside of a base64 text has at least to be
	// looked for: fewer would be found by chance.
	minPart = 6
)

// form is one way in which a secret is written.
type form struct {
	text string
	word bool // only where no letter, digit or underscore is next to it
}

// forms returns the ways in which programs write value:
//   - as it is, without white space around it, and each line of several;
//   - quoted for JSON, Go, Terraform and a shell, and escaped for a URL's path,
//     query and login;
//   - in hex, and in base64, alone or inside a longer base64 text.
//
// Values that are no secret (see ordinary) have no forms. Lines such as
// "-----BEGIN PRIVATE KEY-----" have none either.
func forms(value string) []form {
	var all []form
	for _, part := range parts(value) {
		word := utf8.RuneCountInString(part) < wordLength
		for _, text := range written(part) {
			if len(text) >= startLength {
				all = append(all, form{text, word})
			}
		}
	}
	whole := strings.TrimSpace(value)
	if ordinary(whole) {
		return all
	}
	for _, text := range append(encoded(whole), encoded(value)...) {
		all = append(all, form{text: text})
	}
	return all
}

// parts returns value, and each of its lines, as far as they are secrets.
func parts(value string) []string {
	var all []string
	if whole := strings.TrimSpace(value); !ordinary(whole) {
		all = append(all, whole)
	}
	return append(all, secretLines(value)...)
}

// secretLines returns the lines of value that are secrets by themselves.
func secretLines(value string) []string {
	var all []string
	for _, line := range strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); !ordinary(line) && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	return all
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// ordinary reports whether text is too short or too common to be looked for:
// fewer than 4 characters, numbers of fewer than 6 digits, the words of switches,
// and IP addresses and networks.
func ordinary(text string) bool {
	switch strings.ToLower(text) {
	case "true", "false", "null", "none":
		return true
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	length := utf8.RuneCountInString(text)
	return length < minLength || length < minDigits && digits.MatchString(text)
}

// written returns text as it is and quoted in the usual ways. Duplicates are the
// rule.
func written(text string) []string {
	quoted, ascii := strconv.Quote(text), strconv.QuoteToASCII(text)
	query := url.QueryEscape(text)
	_, login, _ := strings.Cut(url.UserPassword("", text).String(), ":")
	all := []string{
		text, strings.ReplaceAll(text, "\r\n", "\n"), terminal.Strip(text),
		jsonText(text, true), jsonText(text, false), quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1],
		strings.NewReplacer("${", "$${", "%{", "%%{").Replace(jsonText(text, false)), // Terraform
		strings.ReplaceAll(text, `'`, `'\''`),                                        // a shell
	}
	for _, escaped := range []string{url.PathEscape(text), query, strings.ReplaceAll(query, "+", "%20"), login} {
		all = append(all, escaped, lowerEscapes(escaped))
	}
	return all
}

// jsonText returns text as JSON has it between quotes.
func jsonText(text string, html bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(html)
	_ = encoder.Encode(text) // a string always encodes
	return strings.TrimSuffix(strings.TrimPrefix(out.String(), `"`), "\"\n")
}

var escape = regexp.MustCompile(`%[0-9A-F]{2}`)

// lowerEscapes writes a URL's escapes with small letters, as git does.
func lowerEscapes(text string) string { return escape.ReplaceAllStringFunc(text, strings.ToLower) }

// encoded returns the hex and base64 forms of text.
func encoded(text string) []string {
	lower := hex.EncodeToString([]byte(text))
	all := []string{lower, strings.ToUpper(lower)}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for offset := range 3 {
			all = append(all, inBase64(encoding, offset, text)...)
		}
	}
	return all
}

// inBase64 returns what is in the base64 form of any text that has the secret
// after 3n+offset bytes. The first form leaves out the characters at both edges
// that also depend on the neighbours; it gives away at most four bits of the
// secret's first and last byte. The others are for a secret at the very end,
// without and with padding.
func inBase64(encoding *base64.Encoding, offset int, text string) []string {
	padded := encoding.EncodeToString(append(make([]byte, offset), text...))
	bare := strings.TrimRight(padded, "=")
	first := (8*offset + 5) / 6
	all := []string{padded[first : 8*(offset+len(text))/6], bare[first:], padded[first:]}
	return slices.DeleteFunc(all, func(text string) bool { return len(text) < minPart })
}
