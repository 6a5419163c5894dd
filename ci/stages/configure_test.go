package stages

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSecretsOfVariableFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vars.yml")
	text := "grafana_password: hush-hush\ncomponents: [prometheus, loki]\nsmtp: {user: me, auth_token: [one-two-three]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, value := range fileSecrets([]string{path, "nowhere.yml"}) {
		got = append(got, value.Reveal())
	}
	slices.Sort(got)
	if want := []string{"hush-hush", "one-two-three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
