package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func good(changes ...string) func(string) string {
	env := map[string]string{
		"ENVIRONMENT": "production", "DOMAIN": "203.0.113.7",
		"SECRET_KEY": strings.Repeat("k", 40), "FIRST_SUPERUSER": "Admin@Example.com", "FIRST_SUPERUSER_PASSWORD": "correct horse",
		"POSTGRES_SERVER": "cv-db", "POSTGRES_DB": "app", "POSTGRES_USER": "app", "POSTGRES_PASSWORD": "battery staple",
		"BACKEND_CORS_ORIGINS": "http://203.0.113.7, http://localhost:5173/",
	}
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return func(name string) string { return env[name] }
}

func TestLoadReadsTheArticlesEnvironment(t *testing.T) {
	c, err := Load(good("DRAIN_SECONDS", "7", "API_V1_STR", "/api/v2/"))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.Origin(), c.Postgres.Address(), c.Superuser, c.CORSOrigins, c.Drain, c.APIPrefix, c.Listen, c.MigrateOnStart)
	want := "http://203.0.113.7 cv-db:5432 admin@example.com [http://203.0.113.7 http://localhost:5173] 7s /api/v2 :8000 true"
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLoadNamesEachBadVariable(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		want    []string
	}{
		"missing":         {[]string{"SECRET_KEY", "", "POSTGRES_SERVER", "", "FIRST_SUPERUSER", ""}, []string{"SECRET_KEY", "POSTGRES_SERVER", "FIRST_SUPERUSER"}},
		"default secrets": {[]string{"SECRET_KEY", "changethis123", "FIRST_SUPERUSER_PASSWORD", "changethis123", "POSTGRES_PASSWORD", "ChangeThis"}, []string{"SECRET_KEY", "FIRST_SUPERUSER_PASSWORD", "POSTGRES_PASSWORD"}},
		"short secrets":   {[]string{"SECRET_KEY", strings.Repeat("s", 31), "POSTGRES_PASSWORD", "seven77"}, []string{"SECRET_KEY", "POSTGRES_PASSWORD"}},
		"staging too":     {[]string{"ENVIRONMENT", "staging", "SECRET_KEY", "changethis"}, []string{"SECRET_KEY"}},
		"numbers":         {[]string{"POSTGRES_PORT", "0", "DRAIN_SECONDS", "soon"}, []string{"POSTGRES_PORT", "DRAIN_SECONDS"}},
		"shapes":          {[]string{"DOMAIN", "http://example.com", "ENVIRONMENT", "prod", "LISTEN", "8000", "API_V1_STR", "api", "LOG_LEVEL", "loud", "MIGRATE_ON_START", "maybe"}, []string{"DOMAIN", "ENVIRONMENT", "LISTEN", "API_V1_STR", "LOG_LEVEL", "MIGRATE_ON_START"}},
		"origins":         {[]string{"BACKEND_CORS_ORIGINS", "*"}, []string{"BACKEND_CORS_ORIGINS"}},
		"origin's path":   {[]string{"BACKEND_CORS_ORIGINS", "http://example.com/app"}, []string{"BACKEND_CORS_ORIGINS"}},
		"two sources":     {[]string{"SECRET_KEY_FILE", "/run/secrets/key"}, []string{"SECRET_KEY"}},
		"e-mail":          {[]string{"FIRST_SUPERUSER", "admin"}, []string{"FIRST_SUPERUSER"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(good(test.changes...))
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an *Error", err)
			}
			var named []string
			for _, p := range bad.Problems {
				variable, _, _ := strings.Cut(p, ":")
				named = append(named, variable)
			}
			if got, want := sorted(named), sorted(test.want); got != want {
				t.Errorf("named %s, want %s", got, want)
			}
			for _, secret := range []string{"changethis123", "seven77"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats a value: %v", err)
				}
			}
		})
	}
}

func TestLocalAcceptsDefaultSecrets(t *testing.T) {
	if _, err := Load(good("ENVIRONMENT", "local", "SECRET_KEY", "changethis", "POSTGRES_PASSWORD", "x")); err != nil {
		t.Error(err)
	}
}

func TestSecretFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(strings.Repeat("f", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(good("SECRET_KEY", "", "SECRET_KEY_FILE", file))
	if err != nil || c.SecretKey.Reveal() != strings.Repeat("f", 32) {
		t.Errorf("got %d characters, %v", len(c.SecretKey.Reveal()), err)
	}
	if _, err := Load(good("SECRET_KEY", "", "SECRET_KEY_FILE", file+".gone")); err == nil || !strings.Contains(err.Error(), "SECRET_KEY_FILE") {
		t.Errorf("a missing file gave %v", err)
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	c, err := Load(good())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "horse") || strings.Contains(s, "kkkk") || strings.Contains(s, "staple") {
			t.Errorf("%s prints a secret: %s", verb, s)
		}
	}
}
func sorted(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), " ") }
