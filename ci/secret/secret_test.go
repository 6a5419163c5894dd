package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/secret"
)

const hidden = "correct horse battery"

func TestNoVerbPrintsTheSecret(t *testing.T) {
	value := secret.New(hidden)
	holder := struct{ Password secret.Value }{value}
	document, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		fmt.Sprint(value), fmt.Sprintf("%s %v %+v %#v %q %x %d", value, value, value, value, value, value, value),
		fmt.Sprintf("%+v %#v", holder, holder), fmt.Sprint(&value), string(document), fmt.Errorf("login: %v", value).Error(),
	} {
		if strings.Contains(printed, hidden) || strings.Contains(printed, fmt.Sprintf("%x", hidden)) || !strings.Contains(printed, secret.Redacted) {
			t.Errorf("printed %q", printed)
		}
	}
	if value.Reveal() != hidden {
		t.Errorf("revealed %q", value.Reveal())
	}
}

func TestRedactorTakesOutEveryForm(t *testing.T) {
	pem := "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----\n"
	r := secret.NewRedactor(secret.New(hidden), secret.New(hidden+" staple"), secret.New(pem), secret.New("abc"), secret.New(""))
	for text, want := range map[string]string{
		"login with " + hidden + "!":                      "login with [REDACTED]!",
		"login with " + hidden + " staple!":               "login with [REDACTED]!",
		base64.StdEncoding.EncodeToString([]byte(hidden)): "[REDACTED]",
		"line DDDDEEEEFFFF of a key":                      "line [REDACTED] of a key",
		"short ones stay: abc":                            "short ones stay: abc",
		"-----BEGIN KEY----- is no secret":                "-----BEGIN KEY----- is no secret",
		"nothing here":                                    "nothing here",
	} {
		if got := r.Redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	var none *secret.Redactor
	if got := none.Redact(hidden); got != hidden {
		t.Errorf("no redactor made %q", got)
	}
}

func TestWriterSaysHowMuchItTook(t *testing.T) {
	var out bytes.Buffer
	line := "password " + hidden + "\n"
	n, err := secret.NewRedactor(secret.New(hidden)).Writer(&out).Write([]byte(line))
	if n != len(line) || err != nil || out.String() != "password [REDACTED]\n" {
		t.Errorf("wrote %d, %v: %q", n, err, out.String())
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{
		"token\n": "token", "token\r\n": "token", "two\nlines\n": "two\nlines",
		"-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n": "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := secret.FromFile(path); err != nil || got.Reveal() != want {
			t.Errorf("%q gave %q, %v", content, got.Reveal(), err)
		}
	}
	if _, err := secret.FromFile(path + ".none"); err == nil {
		t.Error("a missing file gave no error")
	}
}
