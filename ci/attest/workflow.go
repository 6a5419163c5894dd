package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Workflow is where a workflow of GitHub Actions gets tokens that say which one it
// is: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, which it has
// with the permission id-token: write.
type Workflow struct {
	RequestURL   string
	RequestToken secret.Value
}

// empty reports whether this is no workflow.
func (w Workflow) empty() bool { return w.RequestURL == "" && w.RequestToken.Empty() }

// token asks for a token for sigstore. It lasts minutes, so it is asked for when it
// is used: https://docs.github.com/actions/concepts/security/openid-connect.
func (w Workflow) token(ctx context.Context) (secret.Value, error) {
	address, err := url.Parse(w.RequestURL)
	if err != nil || address.Host == "" || w.RequestToken.Empty() {
		return secret.Value{}, progress.Invalid("signing as a workflow needs ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN: give its job the permission id-token: write")
	}
	if err := secret.CheckAddress(address); err != nil {
		return secret.Value{}, progress.Invalid("ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
	}
	query := address.Query()
	query.Set("audience", "sigstore")
	address.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return secret.Value{}, err
	}
	request.Header.Set("Authorization", "Bearer "+w.RequestToken.Reveal())
	client := http.Client{CheckRedirect: secret.CheckRedirect}
	response, err := client.Do(request)
	var redirected *secret.RedirectError
	if errors.As(err, &redirected) {
		return secret.Value{}, fmt.Errorf("asking GitHub for the workflow's token: %w; check ACTIONS_ID_TOKEN_REQUEST_URL", redirected)
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("asking GitHub for the workflow's token: %w", err)
	}
	defer response.Body.Close()
	var answer struct {
		Value string `json:"value"`
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || answer.Value == "" {
		return secret.Value{}, fmt.Errorf("asking GitHub for the workflow's token: %s, without a token; give its job the permission id-token: write", response.Status)
	}
	return secret.New(answer.Value), nil
}
