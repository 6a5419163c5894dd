package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gitops/ci/lab/loadtest"
)

const (
	uploadSize = 5 << 20
	streams    = 5
)

// kinds are what the load on a place sends, in shares of 100.
func (p *place) kinds(ctx context.Context) ([]loadtest.Kind, error) {
	common := []loadtest.Kind{
		loadtest.Slow("2-second request", "/extra/slow?seconds=2", 2*time.Second, 4),
		loadtest.Upload("5 MB upload", "/extra/upload", uploadSize, 1),
		loadtest.Events("event stream", "/extra/events", streams),
	}
	if p.stack.backend == "plain" {
		return append(common, loadtest.Page("page", "/", "<title>app</title>", 60), loadtest.Page("API read", "/extra/version", "", 35)), nil
	}
	token, err := p.login(ctx)
	if err != nil {
		return nil, err
	}
	read := loadtest.Page("API read", "/api/v1/items?limit=5", `"count"`, 25)
	read.Header = http.Header{"Authorization": {"Bearer " + token}}
	return append(common, loadtest.Page("page", "/", "<div id=\"root\"", 60), read,
		loadtest.Write("API write", "/api/v1/items", token, `{"title":"an item"}`, `"an item"`, 10)), nil
}

// login returns a token of the application.
func (p *place) login(ctx context.Context) (string, error) {
	form := url.Values{"username": {superuser}, "password": {password}, "grant_type": {"password"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url()+"/api/v1/login/access-token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("logging in to the application: %w", err)
	}
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || body.Token == "" {
		return "", fmt.Errorf("logging in to the application: status %d", answer.StatusCode)
	}
	return body.Token, nil
}
