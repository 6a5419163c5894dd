package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backend/internal/config"
	"backend/internal/pgtest"
)

func expect(t *testing.T, what string, got answer, status int, parts ...string) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: status %d, want %d: %s", what, got.status, status, got.body)
	}
	for _, part := range parts {
		if !strings.Contains(got.body, part) {
			t.Errorf("%s: %q is not in %s", what, part, got.body)
		}
	}
}

func TestLogin(t *testing.T) {
	b := startBackend(t)
	good := b.login("Admin@Example.com", adminPassword)
	expect(t, "good login", good, 200, `"token_type":"bearer"`)
	wrong, unknown := b.login(adminEmail, "wrong"), b.login("nobody@example.com", "wrong")
	expect(t, "wrong password", wrong, 401)
	if wrong.body != unknown.body {
		t.Errorf("answers tell whether an account exists:\n%s\n%s", wrong.body, unknown.body)
	}
	expect(t, "no password", b.login(adminEmail, ""), 422)
	pgtest.Exec(t, b.database, "UPDATE users SET is_active = false")
	expect(t, "inactive account", b.login(adminEmail, adminPassword), 401)
	me := b.ask("GET", "/api/v1/users/me", "", "Authorization", "Bearer "+good.field(t, "access_token"))
	expect(t, "token of an inactive account", me, 401)
}

func TestLoginThrottlesGuessing(t *testing.T) {
	b := startBackend(t)
	attacker := []string{"X-Forwarded-For", "198.51.100.9"}
	for range 5 {
		expect(t, "guess", b.login(adminEmail, "guess", attacker...), 401)
	}
	blocked := b.login(adminEmail, adminPassword, attacker...)
	expect(t, "sixth attempt", blocked, 429)
	if blocked.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	for range 7 {
		expect(t, "the owner, elsewhere", b.login(adminEmail, adminPassword), 200)
	}
}

func TestTokenIsRequired(t *testing.T) {
	b := startBackend(t)
	for _, header := range []string{"", "Bearer", "Bearer x.y.z", "Basic YTpi"} {
		got := b.ask("GET", "/api/v1/items", "", "Authorization", header)
		expect(t, "Authorization: "+header, got, 401)
		if got.header.Get("Www-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate: %q", got.header.Get("Www-Authenticate"))
		}
	}
}

func TestItems(t *testing.T) {
	b := startBackend(t)
	admin := b.as(adminEmail, adminPassword)
	expect(t, "me", admin("GET", "/users/me", ""), 200, adminEmail, `"is_superuser":true`)

	created := admin("POST", "/items", `{"title":"Bicycle","description":"red"}`)
	expect(t, "create", created, 201, `"title":"Bicycle"`)
	path := "/items/" + created.field(t, "id")
	expect(t, "read", admin("GET", path, ""), 200, `"description":"red"`)
	expect(t, "update", admin("PUT", path, `{"title":"Bike"}`), 200, `"title":"Bike"`, `"description":""`)
	expect(t, "list", admin("GET", "/items/", ""), 200, `"count":1`, `"title":"Bike"`)
	expect(t, "list beyond", admin("GET", "/items?skip=1", ""), 200, `"data":[]`, `"count":1`)
	expect(t, "delete", admin("DELETE", path, ""), 204)
	expect(t, "read what is gone", admin("GET", path, ""), 404)
	expect(t, "delete what is gone", admin("DELETE", path, ""), 404)

	for what, body := range map[string]string{
		"no title": `{"title":""}`, "long title": fmt.Sprintf(`{"title":%q}`, strings.Repeat("x", 256)),
		"unknown field": `{"title":"x","owner_id":"1"}`,
	} {
		expect(t, what, admin("POST", "/items", body), 422)
	}
	expect(t, "not an id", admin("GET", "/items/1", ""), 422)
	expect(t, "broken JSON", admin("POST", "/items", `{`), 400)
	expect(t, "huge body", admin("POST", "/items", fmt.Sprintf(`{"title":%q}`, strings.Repeat("x", 70_000))), 413)
}

func TestUsersSeeOnlyTheirOwnItems(t *testing.T) {
	b := startBackend(t)
	admin := b.as(adminEmail, adminPassword)
	for _, name := range []string{"ann", "bob"} {
		expect(t, "make "+name, admin("POST", "/users", fmt.Sprintf(`{"email":"%s@example.com","password":"password of %s"}`, name, name)), 201)
	}
	expect(t, "ann again", admin("POST", "/users", `{"email":"Ann@example.com","password":"another one"}`), 409)
	ann, bob := b.as("ann@example.com", "password of ann"), b.as("bob@example.com", "password of bob")
	expect(t, "ann makes a user", ann("POST", "/users", `{"email":"eve@example.com","password":"12345678"}`), 403)

	path := "/items/" + ann("POST", "/items", `{"title":"Diary"}`).field(t, "id")
	expect(t, "ann reads", ann("GET", path, ""), 200, "Diary")
	expect(t, "bob reads", bob("GET", path, ""), 404)
	expect(t, "bob changes", bob("PUT", path, `{"title":"x"}`), 404)
	expect(t, "bob deletes", bob("DELETE", path, ""), 404)
	expect(t, "bob lists", bob("GET", "/items", ""), 200, `"count":0`)
	expect(t, "superuser lists", admin("GET", "/items", ""), 200, `"count":1`, "Diary")
}

func TestHealth(t *testing.T) {
	b := startBackend(t)
	if got, want := b.ask("GET", "/api/v1/health/live", "").body, `{"status":"ok","release":"`+testRelease+`"}`; strings.TrimSpace(got) != want {
		t.Errorf("live: %s, want %s", got, want)
	}
	expect(t, "ready", b.ask("GET", "/api/v1/health/ready", ""), 200, `"status":"ok"`)
	expect(t, "health", b.ask("GET", "/api/v1/health", ""), 200, `"status":"ok"`)

	listen := "LISTEN=" + strings.TrimPrefix(b.api, "http://")
	if out, err := command(t, []string{asBackend + "=1", listen}, "health").CombinedOutput(); err != nil {
		t.Errorf("backend health: %v: %s", err, out)
	}
	elsewhere := b.database
	elsewhere.DB = "postgres"
	pgtest.Exec(t, elsewhere, "ALTER DATABASE "+b.database.DB+" ALLOW_CONNECTIONS false")
	pgtest.Exec(t, elsewhere, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", b.database.DB)
	expect(t, "ready without database", b.ask("GET", "/api/v1/health/ready", ""), 503, "database unreachable")
	expect(t, "live without database", b.ask("GET", "/api/v1/health/live", ""), 200)
	if out, err := command(t, []string{asBackend + "=1", listen}, "health").CombinedOutput(); err == nil {
		t.Errorf("backend health succeeds without a database: %s", out)
	}
}

func TestDocumentHasEveryRoute(t *testing.T) {
	b := startBackend(t)
	var document struct {
		Info  struct{ Title string }
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(b.ask("GET", "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	var routes []string
	for path, operations := range document.Paths {
		for method := range operations {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	want := []string{
		"DELETE /api/v1/items/{id}", "GET /api/v1/health", "GET /api/v1/health/live", "GET /api/v1/health/ready",
		"GET /api/v1/items", "GET /api/v1/items/{id}", "GET /api/v1/users/me",
		"POST /api/v1/items", "POST /api/v1/login/access-token", "POST /api/v1/users", "PUT /api/v1/items/{id}",
	}
	if !slices.Equal(routes, want) || document.Info.Title != "Test project" {
		t.Errorf("%s has\n%s\nwant\n%s", document.Info.Title, strings.Join(routes, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocumentationLoadsNothingFromElsewhere(t *testing.T) {
	b := startBackend(t)
	for path, kind := range map[string]string{
		"/docs": "text/html", "/redoc": "text/html", "/docs/init.js": "javascript", "/docs/swagger-ui-bundle.js": "javascript",
		"/docs/swagger-ui.css": "text/css", "/docs/favicon-32x32.png": "image/png", "/redoc/redoc.standalone.js": "javascript",
	} {
		got := b.ask("GET", path, "")
		if got.status != 200 || !strings.Contains(got.header.Get("Content-Type"), kind) || got.body == "" {
			t.Errorf("%s: %d %s, %d bytes", path, got.status, got.header.Get("Content-Type"), len(got.body))
		}
		if kind == "text/html" && (strings.Contains(got.body, "://") || !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'")) {
			t.Errorf("%s may load from elsewhere: %v\n%s", path, got.header, got.body)
		}
	}
	zipped := b.ask("GET", "/redoc/redoc.standalone.js", "", "Accept-Encoding", "gzip")
	if plain := b.ask("GET", "/redoc/redoc.standalone.js", "", "Accept-Encoding", "identity"); len(zipped.body)*2 > len(plain.body) {
		t.Errorf("gzip: %d of %d bytes", len(zipped.body), len(plain.body))
	}
	expect(t, "nothing", b.ask("GET", "/docs/nothing.js", ""), 404)
}

func TestCORS(t *testing.T) {
	b := startBackend(t)
	preflight := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization"}
	allowed := b.ask("OPTIONS", "/api/v1/items", "", append(preflight, "Origin", "http://localhost:5173")...)
	if allowed.header.Get("Access-Control-Allow-Origin") != "http://localhost:5173" || allowed.header.Get("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("preflight of an allowed origin: %v", allowed.header)
	}
	if got := b.ask("GET", "/api/v1/health", "", "Origin", "http://evil.test").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a foreign origin is allowed: %q", got)
	}
	closed := startBackend(t, "BACKEND_CORS_ORIGINS=")
	if got := closed.ask("GET", "/api/v1/health", "", "Origin", "http://app.test").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("without origins in the environment %q is allowed", got)
	}
}

func TestMetrics(t *testing.T) {
	b := startBackend(t)
	admin := b.as(adminEmail, adminPassword)
	admin("GET", "/items/3b5d0f0e-7a46-4a0c-9f0e-4b5a3c2d1e0f", "")
	b.login(adminEmail, "wrong")
	b.ask("BREW", "/coffee", "")
	got := ask(t, "GET", b.metrics+"/metrics", "")
	expect(t, "metrics", got, 200,
		`http_requests_total{method="GET",route="/api/v1/items/{id}",status="404"} 1`,
		`http_requests_total{method="other",route="unmatched",status="404"} 1`,
		`http_request_duration_seconds_count{method="POST",route="/api/v1/login/access-token"} 2`,
		`login_attempts_total{outcome="ok"} 1`, `login_attempts_total{outcome="refused"} 1`,
		`app_build_info{release="`+testRelease+`"} 1`, "db_pool_connections_max 10", "process_open_fds")
	expect(t, "metrics beside the API", b.ask("GET", "/metrics", ""), 404)
}

func TestLogIsStructuredAndHoldsNoSecret(t *testing.T) {
	b := startBackend(t)
	admin := b.as(adminEmail, adminPassword)
	admin("GET", "/items?token=planted-query", "")
	b.login(adminEmail, "planted-wrong-password")
	echoed := b.ask("POST", "/api/v1/login/access-token", `{"username":"a","password":"`+strings.Repeat("planted", 40)+`"}`, "Content-Type", "application/json")
	expect(t, "long password", echoed, 422)
	if strings.Contains(echoed.body, "planted") {
		t.Errorf("the answer repeats the password: %s", echoed.body)
	}
	got := b.ask("GET", "/api/v1/health/live", "", "X-Request-Id", "given-by-the-client")
	if got.header.Get("X-Request-Id") != "given-by-the-client" {
		t.Errorf("request id %q", got.header.Get("X-Request-Id"))
	}
	if id := b.ask("GET", "/api/v1/health/live", "", "X-Request-Id", "a b").header.Get("X-Request-Id"); len(id) < 20 {
		t.Errorf("an implausible request id became %q", id)
	}
	b.terminate()
	b.exit()
	for line := range strings.Lines(b.logged()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if log := b.logged(); strings.Contains(log, "planted") || strings.Contains(log, "Bearer") || !strings.Contains(log, `"request_id":"given-by-the-client"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestRefusesBadEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		change string
		want   string
	}{
		"default key":      {"SECRET_KEY=changethis123", "SECRET_KEY"},
		"default password": {"FIRST_SUPERUSER_PASSWORD=changethis123", "FIRST_SUPERUSER_PASSWORD"},
		"short database":   {"POSTGRES_PASSWORD=short", "POSTGRES_PASSWORD"},
		"no server":        {"POSTGRES_SERVER=", "POSTGRES_SERVER"},
	} {
		p := config.Postgres{Server: "127.0.0.1", Port: 1, DB: "app", User: "app", Password: "long enough"}
		cmd := command(t, environment(p, test.change), "serve")
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), test.want+": ") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if strings.Contains(string(out), "changethis123") {
			t.Errorf("%s: the message repeats the value: %s", name, out)
		}
	}
}

func TestUsage(t *testing.T) {
	for args, code := range map[string]int{"help": exitOK, "version": exitOK, "dance": exitUsage, "serve now": exitUsage} {
		cmd := command(t, []string{asBackend + "=1"}, strings.Fields(args)...)
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != code {
			t.Errorf("backend %s: exit %d, want %d", args, cmd.ProcessState.ExitCode(), code)
		}
	}
}

func TestMigrateAndSeedAsCommands(t *testing.T) {
	p := pgtest.New(t)
	for _, step := range []string{"migrate", "seed", "migrate", "seed"} {
		if out, err := command(t, environment(p), step).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	c := pgtest.Connect(t, p)
	defer c.Close(t.Context())
	var users int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE is_superuser").Scan(&users); err != nil || users != 1 {
		t.Errorf("%d superusers, %v", users, err)
	}
}

func TestHeaders(t *testing.T) {
	b := startBackend(t)
	h := b.ask("GET", "/api/v1/health", "").header
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Server") != "" {
		t.Errorf("headers: %v", h)
	}
}
