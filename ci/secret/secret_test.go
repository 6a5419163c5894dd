package secret_test

import (
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
