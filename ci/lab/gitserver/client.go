package gitserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"gitops/ci/secret"
)

// CreateRemote makes the bare repository name, without ".git", on the server at
// base, such as https://github.local:8080. One that exists stays as it is.
func CreateRemote(ctx context.Context, client *http.Client, base, name, user string, password secret.Value) error {
	address := strings.TrimSuffix(base, "/") + adminPath + url.PathEscape(name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, nil)
	if err != nil {
		return fmt.Errorf("making repository %s: %w", name, err)
	}
	request.SetBasicAuth(user, password.Reveal())
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("making repository %s: %w", name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("making repository %s: the git server answered %s: %s", name, response.Status, strings.TrimSpace(string(answer)))
	}
	return nil
}
