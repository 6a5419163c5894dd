package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gitops/ci/retry"
)

// visitor uses the application over HTTP, through Traefik on port 80 of the
// address that Terraform put out.
type visitor struct {
	world  World
	base   string
	client *http.Client
}

func newVisitor(world World, address string) *visitor {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = world.Dial
	transport.Proxy = nil
	return &visitor{world: world, base: "http://" + address, client: &http.Client{Transport: transport, Timeout: 15 * time.Second}}
}

// sees waits until the page and the API both answer with the release:
// Traefik takes a moment to hear of new containers.
func (v *visitor) sees(ctx context.Context, r release) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := v.shows(ctx, "/", r.page)
		if err == nil {
			err = v.shows(ctx, "/api/v1/health/live", r.api)
		}
		if err == nil {
			return nil
		}
		if retry.Sleep(ctx, 500*time.Millisecond) != nil {
			return fmt.Errorf("waiting for release %s to be served: %w", short(r.source), err)
		}
	}
}

func (v *visitor) shows(ctx context.Context, path, commit string) error {
	body, err := v.get(ctx, path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(body), commit) {
		return fmt.Errorf("%s%s does not name %s: %.200s", v.base, path, short(commit), body)
	}
	return nil
}

func (v *visitor) get(ctx context.Context, path string, header ...string) ([]byte, error) {
	return request(ctx, v.client, http.MethodGet, v.base+path, nil, "", header...)
}

// walk goes from the page to an item that was created and read back.
func (v *visitor) walk(ctx context.Context, r release) (string, error) {
	if err := v.sees(ctx, r); err != nil {
		return "", err
	}
	// A client-side route, reloaded: the article's 404.
	if err := v.shows(ctx, "/items/reloaded", r.page); err != nil {
		return "", fmt.Errorf("reloading a client-side route: %w", err)
	}
	token, err := v.login(ctx)
	if err != nil {
		return "", fmt.Errorf("logging in: %w", err)
	}
	if err := v.item(ctx, token, "Rehearsed "+short(r.source)); err != nil {
		return "", fmt.Errorf("creating and reading an item: %w", err)
	}
	return "page, reloaded route, login, item", nil
}

func (v *visitor) login(ctx context.Context) (string, error) {
	form := url.Values{"username": {v.world.Superuser}, "password": {v.world.SuperuserPassword.Reveal()}}
	body, err := request(ctx, v.client, http.MethodPost, v.base+"/api/v1/login/access-token",
		[]byte(form.Encode()), "application/x-www-form-urlencoded")
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	if answer.Token == "" {
		return "", errors.New("the answer has no token")
	}
	return answer.Token, nil
}

func (v *visitor) item(ctx context.Context, token, title string) error {
	bearer := []string{"Authorization", "Bearer " + token}
	body, err := json.Marshal(map[string]string{"title": title, "description": "made by the rehearsal"})
	if err != nil {
		return err
	}
	answer, err := request(ctx, v.client, http.MethodPost, v.base+"/api/v1/items/", body, "application/json", bearer...)
	if err != nil {
		return err
	}
	var created struct {
		ID any `json:"id"`
	}
	if err := json.Unmarshal(answer, &created); err != nil {
		return fmt.Errorf("reading the created item: %w", err)
	}
	read, err := v.get(ctx, fmt.Sprintf("/api/v1/items/%v", created.ID), bearer...)
	if err != nil {
		return err
	}
	if !strings.Contains(string(read), title) {
		return fmt.Errorf("item %v does not hold its title: %s", created.ID, read)
	}
	return nil
}
