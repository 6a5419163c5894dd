package config

import "strings"

// Least lengths of secrets outside of the local environment, in bytes.
const (
	leastKey      = 32 // HS256 wants a key as long as its hash
	leastPassword = 8
)

// refuseWeakSecrets rejects the defaults that examples carry, and what is too short, where it would matter.
func (c Config) refuseWeakSecrets(e *env) {
	if c.Environment == Local {
		return
	}
	for _, s := range []struct {
		name  string
		value Secret
		least int
	}{
		{"SECRET_KEY", c.SecretKey, leastKey},
		{"FIRST_SUPERUSER_PASSWORD", c.SuperuserPassword, leastPassword},
		{"POSTGRES_PASSWORD", c.Postgres.Password, leastPassword},
	} {
		v := s.value.Reveal()
		switch {
		case v == "": // already reported as not set
		case strings.HasPrefix(strings.ToLower(v), "changethis"):
			e.bad(s.name, "is the default; %s refuses it: set a secret of your own", c.Environment)
		case len(v) < s.least:
			e.bad(s.name, "is shorter than %d characters; %s refuses it: set a longer secret", s.least, c.Environment)
		}
	}
}
