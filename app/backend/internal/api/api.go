// Package api is the HTTP interface: operations described in Go, documented as OpenAPI, backed by the store.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"backend/internal/auth"
	"backend/internal/config"
	"backend/internal/store"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	maxBody         = 64 << 10
	bodyReadTimeout = 20 * time.Second
	apiVersion      = "1.0.0"
)

// Options are what the API works with.
type Options struct {
	Config config.Config
	Store  *store.Store
	Hasher *auth.Hasher
	Health *Health
	Log    *slog.Logger
	// LoginOutcome, where set, hears "ok", "refused" or "throttled" for each login.
	LoginOutcome func(outcome string)
}

// service is the receiver of every operation.
type service struct {
	Options
	tokens *auth.Tokens
	brakes loginBrakes
}

// New returns the handler for the operations, /openapi.json, /docs and /redoc.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	s := &service{
		Options: o,
		tokens:  auth.NewTokens(o.Config.SecretKey.Reveal(), o.Config.StackName, o.Config.TokenLifetime),
		brakes:  newLoginBrakes(),
	}
	s.register(humago.New(mux, document(o.Config)))
	serveDocs(mux)
	return withoutTrailingSlash(mux)
}

func (s *service) register(root huma.API) {
	open := huma.NewGroup(root, s.Config.APIPrefix)
	s.registerHealth(open)
	s.registerLogin(open)

	signedIn := huma.NewGroup(open)
	signedIn.UseSimpleModifier(func(op *huma.Operation) {
		op.Security = []map[string][]string{{securityScheme: {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized)
	})
	signedIn.UseMiddleware(s.authenticate(root))
	s.registerUsers(signedIn)
	s.registerItems(signedIn)
}

// operation registers an operation with the limits that all share. A group's modifier comes too late for them.
func operation[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes, op.BodyReadTimeout = maxBody, bodyReadTimeout
	huma.Register(api, op, handler)
}

// document is the head of the OpenAPI document, without huma's own pages, which load their scripts from elsewhere.
func document(c config.Config) huma.Config {
	doc := huma.DefaultConfig(c.ProjectName, apiVersion)
	doc.Info.Description = "Release " + c.Release
	doc.DocsPath, doc.SchemasPath, doc.CreateHooks = "", "", nil
	doc.Formats = map[string]huma.Format{
		"application/json": huma.DefaultJSONFormat,
		"json":             huma.DefaultJSONFormat,
		formContent:        formFormat,
	}
	doc.Transformers = []huma.Transformer{withoutEcho}
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		securityScheme: {
			Type:  "oauth2",
			Flows: &huma.OAuthFlows{Password: &huma.OAuthFlow{TokenURL: c.APIPrefix + loginPath, Scopes: map[string]string{}}},
		},
	}
	return doc
}

// withoutEcho keeps the values that failed validation, passwords among them, out of the answer.
func withoutEcho(_ huma.Context, _ string, v any) (any, error) {
	if problem, ok := v.(*huma.ErrorModel); ok {
		for _, detail := range problem.Errors {
			detail.Value = nil
		}
	}
	return v, nil
}

// withoutTrailingSlash treats /items/ as /items, as clients of other frameworks expect.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trimmed := strings.TrimRight(r.URL.Path, "/"); trimmed != "" {
			r.URL.Path, r.URL.RawPath = trimmed, ""
		}
		next.ServeHTTP(w, r)
	})
}
