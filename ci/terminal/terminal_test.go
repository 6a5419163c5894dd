package terminal_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gitops/ci/terminal"
)

func TestStripTakesControlSequencesOut(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"text stays":             {"naïve → 日本 🚀\tx\n", "naïve → 日本 🚀\tx\n"},
		"colours":                {"\x1b[1;31mred\x1b[0m \x1b[38:2::1:2:3mx\x1b[K", "red x"},
		"cursor":                 {"up\x1b[2A\x1b[?25l\x1b[10;20H\x1b7\x1b8\x1bM\x1bc", "up"},
		"title, BEL":             {"a\x1b]0;title\ab", "ab"},
		"title, ST":              {"a\x1b]0;title\x1b\\b", "ab"},
		"link":                   {"\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\", "text"},
		"clipboard":              {"a\x1b]52;c;ZXZpbA==\ab", "ab"},
		"DCS, APC, PM, SOS":      {"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde"},
		"ESC in a string":        {"a\x1b]0;\x1b\x1b[31mt\x1b\\b", "ab"},
		"C1":                     {"a\u009b31mb\u009d0;t\u009cc\u0090q\u009cd\u0080e", "abcde"},
		"charset":                {"a\x1b(0b\x1b)Bc", "abc"},
		"C0":                     {"a\x00b\ac\bd\ve\ff\x7fg", "abcdefg"},
		"carriage return":        {"10%\r20%\r\nnext\n", "10%\n20%\nnext\n"},
		"next line":              {"a\u0085b", "a\nb"},
		"bidirectional":          {"a\u202eb\u2066c\u2069d\u200fe\u061cf", "abcdef"},
		"zero width":             {"a\u200bb\u200dc\ufeffd\u2060e\u00adf\u180eg\u034fh\ufe0fi\u3164j", "abcdefghij"},
		"tags":                   {"a\U000e0041\U000e0042b", "ab"},
		"separators":             {"a\u2028b\u2029c", "a b c"},
		"no UTF-8":               {"a\xffb\xc3(\xe2\x82", "a\ufffdb\ufffd(\ufffd\ufffd"},
		"raw C1 is no UTF-8":     {"a\x9b31mb", "a\ufffd31mb"},
		"unended string":         {"a\x1b]0;never ended\nb", "a\nb"},
		"unended sequence":       {"a\x1b[31\nb\x1b", "a\nb"},
		"sequence in a sequence": {"a\x1b[3\x1b[31mb\x1b\x1b[1mc", "abc"},
		"no sequence":            {"a\x1bäb\x1b[äc", "aäbäc"},
	} {
		if got := terminal.Strip(c.text); got != c.want {
			t.Errorf("%s: %q became %q, want %q", name, c.text, got, c.want)
		}
	}
}

func guarded(t testing.TB, chunks ...string) string {
	t.Helper()
	var out bytes.Buffer
	g := terminal.NewGuard(&out)
	for _, chunk := range chunks {
		if n, err := g.Write([]byte(chunk)); n != len(chunk) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(chunk), err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGuardMakesCommandsText(t *testing.T) {
	for text, want := range map[string]string{
		"::error::x\n":                 ": :error::x\n",
		" \t\u00a0\u3000::set-env::x":  " \t\u00a0\u3000: :set-env::x",
		"a\n::add-mask::x\n\n::debug:": "a\n: :add-mask::x\n\n: :debug:",
		":::x":                         ": ::x",
		"a ::error::x":                 "a ::error::x",
		"std::vector and a:b":          "std::vector and a:b",
		"time: 10:20":                  "time: 10:20",
		"x ##[group]y":                 "x ## [group]y",
		"###[error] ## [x] #[y]":       "### [error] ## [x] #[y]",
		"##[##[a":                      "## [## [a",
		"":                             "",
	} {
		if got := guarded(t, text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if got := guarded(t, strings.Split(text, "")...); got != want {
			t.Errorf("%q letter by letter became %q, want %q", text, got, want)
		}
	}
}

func TestGuardBoundsLinesAndMessages(t *testing.T) {
	line := strings.Repeat("é", terminal.LineLimit/2)
	for name, c := range map[string]struct{ text, want string }{
		"whole line":   {line + "\nnext\n", line + "\nnext\n"},
		"long line":    {"a" + line + "\nnext\n", "a" + line + "\nnext\n"},
		"longer line":  {line + "éé\nnext\n", line + " [… 4 bytes left out]\nnext\n"},
		"unended line": {line + "abc", line + " [… 3 bytes left out]"},
	} {
		if got := guarded(t, c.text); got != c.want {
			t.Errorf("%s: %d bytes, …%q", name, len(got), got[max(0, len(got)-60):])
		}
	}
	message := "first\n" + strings.Repeat("x\n", terminal.MessageLimit) + "last\n"
	got := guarded(t, message)
	if len(got) > terminal.MessageLimit+100 || !strings.HasPrefix(got, "first\nx\n") || !strings.HasSuffix(got, "x\nlast\n") ||
		!strings.Contains(got, "x\n[… 131") || !strings.Contains(got, " bytes left out]\nx\n") {
		t.Errorf("a long message became %d bytes", len(got))
	}
	if got := guarded(t, strings.Repeat("日本語", terminal.MessageLimit)); !utf8.ValidString(got) || len(got) > terminal.MessageLimit+200 {
		t.Errorf("a long message without lines became %d bytes, valid: %v", len(got), utf8.ValidString(got))
	}
	// Many messages are no long message.
	if got := guarded(t, message[:terminal.MessageLimit], message[:terminal.MessageLimit]); strings.Contains(got, "left out") {
		t.Error("a stream was cut")
	}
}

// isCommand reports whether GitHub's runner takes line for a command, as its
// ActionCommand does, whatever the command's name is.
func isCommand(line string) bool {
	line = strings.TrimLeftFunc(line, unicode.IsSpace)
	return strings.HasPrefix(line, "::") || strings.Contains(line, "##[")
}

// clean passes text through both writers in chunks.
func clean(t testing.TB, random *rand.Rand, text string) string {
	t.Helper()
	var out bytes.Buffer
	g := terminal.NewGuard(&out)
	s := terminal.NewStripper(g)
	for rest := []byte(text); len(rest) > 0; {
		n := 1 + random.IntN(min(len(rest), 8))
		if _, err := s.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"\x1b[31m::error::x", "#\x1b[0m#[x]", ":\u200b:x::y", "\r::x::", "\xe2\x80", "\x1b]8;;x\x1b\\", "a\u2028::x::y"} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		got := clean(t, rand.New(rand.NewPCG(seed, 0)), text)
		if want := guarded(t, terminal.Strip(text)); got != want {
			t.Fatalf("chunks %q\nwhole  %q", got, want)
		}
		if again := terminal.Strip(got); again != got {
			t.Fatalf("%q still has control sequences: %q", got, again)
		}
		for _, r := range got {
			if unicode.Is(unicode.Cc, r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q has %U", got, r)
			}
		}
		for line := range strings.Lines(got) {
			if isCommand(line) {
				t.Fatalf("%q has the command %q", got, line)
			}
		}
	})
}

func TestChunksMakeNoDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"a", " ", "\n", "\r", ":", "::", "#", "##[", "]", "\x1b", "[", "m", "\x1b]", "\a", "\\", "é", "\u009b", "\u200b", "\xff", "\xe2\x80", "🚀"}
	for range 5000 {
		var text strings.Builder
		for range random.IntN(20) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		got, want := clean(t, random, text.String()), guarded(t, terminal.Strip(text.String()))
		if got != want {
			t.Fatalf("%q\nchunks %q\nwhole  %q", text.String(), got, want)
		}
	}
}

func TestJSONMeansTheSame(t *testing.T) {
	value := map[string]any{
		"##[group]x": "::error::x\n::warning::y", "hidden": "a\u202eb\u200b\U000e0041\u2028\u0085\x7f\x1b[31m", "plain": "naïve 🚀",
		"list": []any{"\\##[", "###[x", 1.5, nil, true}, "empty": map[string]any{},
	}
	for _, indent := range []string{"", "  ", "\t"} {
		var document bytes.Buffer
		encoder := json.NewEncoder(&document)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", indent)
		if err := encoder.Encode(value); err != nil {
			t.Fatal(err)
		}
		checkJSON(t, document.Bytes())
	}
}

func checkJSON(t *testing.T, document []byte) {
	t.Helper()
	var before, after any
	if err := json.Unmarshal(document, &before); err != nil {
		return // fuzzing finds texts that are no JSON
	}
	safe := terminal.JSON(document)
	if err := json.Unmarshal(safe, &after); err != nil || !reflect.DeepEqual(before, after) {
		t.Fatalf("%s became %s: %v", document, safe, err)
	}
	if strings.ContainsFunc(string(safe), func(r rune) bool {
		return unicode.Is(unicode.Cc, r) && !strings.ContainsRune("\n\r\t", r) || unicode.Is(unicode.Cf, r)
	}) {
		t.Fatalf("%q has characters that do not show", safe)
	}
	for line := range strings.FieldsFuncSeq(string(safe), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if isCommand(line) {
			t.Fatalf("%s has the command %q", safe, line)
		}
	}
}

// FuzzJSON shows that no valid JSON has a command afterwards, whoever encoded it.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a": "##[x]"}`)
	f.Add(" \n\"::x::\"\r[\"\\\\##[\"]")
	f.Add("[\"\u202e\", \"\U000e0041\"]")
	f.Fuzz(func(t *testing.T, document string) { checkJSON(t, []byte(document)) })
}
