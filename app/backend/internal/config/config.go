// Package config reads the backend's environment and names every variable in it that cannot work.
package config

import (
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Environments that ENVIRONMENT may name. Everything but Local refuses default secrets.
const (
	Local      = "local"
	Staging    = "staging"
	Production = "production"
)

// Config is the environment, checked.
type Config struct {
	Domain      string // DOMAIN: the name or address that browsers use
	Environment string // ENVIRONMENT: local, staging or production
	ProjectName string // PROJECT_NAME: title of the API's document
	StackName   string // STACK_NAME: issuer of the tokens
	APIPrefix   string // API_V1_STR: path in front of every operation
	Release     string // GIT_SHA: the commit that the image was built from

	SecretKey         Secret   // SECRET_KEY: signs the tokens
	Superuser         string   // FIRST_SUPERUSER: e-mail address of the account that seed makes
	SuperuserPassword Secret   // FIRST_SUPERUSER_PASSWORD: its first password
	CORSOrigins       []string // BACKEND_CORS_ORIGINS: comma-separated origins

	Postgres Postgres

	Listen         string        // LISTEN: address of the API
	MetricsListen  string        // METRICS_LISTEN: address of /metrics
	Drain          time.Duration // DRAIN_SECONDS: how long to serve on, unready, after SIGTERM
	Shutdown       time.Duration // SHUTDOWN_SECONDS: how long requests in flight may take after that
	TokenLifetime  time.Duration // ACCESS_TOKEN_EXPIRE_MINUTES
	MigrateOnStart bool          // MIGRATE_ON_START: serve migrates and seeds first
	LogLevel       slog.Level    // LOG_LEVEL: debug, info, warn or error
}

// Postgres says where the database is.
type Postgres struct {
	Server   string // POSTGRES_SERVER
	Port     int    // POSTGRES_PORT
	DB       string // POSTGRES_DB
	User     string // POSTGRES_USER
	Password Secret // POSTGRES_PASSWORD
}

// Load reads the environment through getenv. Its error is a *Error that lists every bad variable.
// NAME_FILE may stand in for a secret NAME: the value is then the file's content.
func Load(getenv func(string) string) (Config, error) {
	e := &env{get: getenv}
	c := Config{
		Domain:            e.host("DOMAIN", "localhost"),
		Environment:       e.oneOf("ENVIRONMENT", Local, Local, Staging, Production),
		ProjectName:       e.text("PROJECT_NAME", "GitOps app"),
		StackName:         e.text("STACK_NAME", "gitops-app"),
		APIPrefix:         e.path("API_V1_STR", "/api/v1"),
		Release:           e.text("GIT_SHA", "development"),
		SecretKey:         e.secret("SECRET_KEY"),
		Superuser:         e.email("FIRST_SUPERUSER"),
		SuperuserPassword: e.secret("FIRST_SUPERUSER_PASSWORD"),
		CORSOrigins:       e.origins("BACKEND_CORS_ORIGINS"),
		Postgres: Postgres{
			Server:   e.required("POSTGRES_SERVER"),
			Port:     e.number("POSTGRES_PORT", 5432, 1, 65535),
			DB:       e.required("POSTGRES_DB"),
			User:     e.required("POSTGRES_USER"),
			Password: e.secret("POSTGRES_PASSWORD"),
		},
		Listen:         e.address("LISTEN", DefaultListen),
		MetricsListen:  e.address("METRICS_LISTEN", ":8001"),
		Drain:          time.Duration(e.number("DRAIN_SECONDS", 5, 0, 600)) * time.Second,
		Shutdown:       time.Duration(e.number("SHUTDOWN_SECONDS", 25, 1, 600)) * time.Second,
		TokenLifetime:  time.Duration(e.number("ACCESS_TOKEN_EXPIRE_MINUTES", 8*60, 1, 8*24*60)) * time.Minute,
		MigrateOnStart: e.boolean("MIGRATE_ON_START", true),
		LogLevel:       e.level("LOG_LEVEL"),
	}
	c.refuseWeakSecrets(e)
	if len(e.problems) > 0 {
		return Config{}, &Error{Problems: e.problems}
	}
	return c, nil
}

// DefaultListen is where the API listens unless LISTEN says otherwise.
const DefaultListen = ":8000"

// Origin is the address that browsers reach the app under.
func (c Config) Origin() string { return "http://" + c.Domain }

// Address is the database's host and port.
func (p Postgres) Address() string { return net.JoinHostPort(p.Server, strconv.Itoa(p.Port)) }
