package actions

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// issuer hands out the ID tokens of one job, at an address of this machine.
type issuer struct {
	server  *http.Server
	address string
	request string // the token that asks for tokens
}

// issueTokens starts the issuer of a job with id-token: write.
func (a *Actions) issueTokens(t *task) (*issuer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the issuer of ID tokens: %w", err)
	}
	i := &issuer{address: "http://" + listener.Addr().String() + "/token?api-version=2.0", request: rand.Text()}
	i.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+i.request {
			http.Error(w, "wrong or missing token", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"value": a.idToken(t, r.URL.Query().Get("audience"))})
	})}
	go func() { _ = i.server.Serve(listener) }()
	return i, nil
}

func (i *issuer) env() []string {
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.address, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + i.request}
}

func (i *issuer) close() { _ = i.server.Close() }

// idToken is a JSON web token with the claims that trust policies of clouds look at,
// not signed. docs.github.com has them in "OpenID Connect reference".
func (a *Actions) idToken(t *task, audience string) string {
	owner, _, _ := strings.Cut(a.options.Repository, "/")
	if audience == "" {
		audience = a.options.Server + "/" + owner
	}
	subject, now := "repo:"+a.options.Repository+":ref:"+t.ref, time.Now()
	if t.Name == "pull_request" {
		subject = "repo:" + a.options.Repository + ":pull_request"
	}
	name, _ := a.environment(t)
	if name != "" {
		subject = "repo:" + a.options.Repository + ":environment:" + name
	}
	claims := object{
		"iss": a.options.Server + "/_services/token", "aud": audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"repository": a.options.Repository, "repository_owner": owner, "ref": t.ref, "sha": t.sha, "event_name": t.Name,
		"environment": name, "actor": t.Actor, "run_id": idText(t.run.ID),
		"job_workflow_ref": a.options.Repository + "/" + t.workflow.file + "@" + t.ref,
	}
	return encoded(object{"alg": "none", "typ": "JWT"}) + "." + encoded(claims) + "."
}

func encoded(part object) string {
	text, _ := json.Marshal(part) // texts and numbers always encode
	return base64.RawURLEncoding.EncodeToString(text)
}
