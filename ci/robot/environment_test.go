package robot

import (
	"strings"
	"testing"

	"gitops/ci/lab/envtest"
	"gitops/ci/secret"
)

// TestGitGetsWhatItNeeds also gives the robot a token: it reaches git in no other form
// than the header for its server.
func TestGitGetsWhatItNeeds(t *testing.T) {
	tool := envtest.New(t, "git", "")
	_, err := Push(t.Context(), Options{
		RepoURL: "https://git.example/team/app.git", Branch: "integration", Manifest: composePath, Commit: strings.Repeat("a", 40),
		Images: map[string]string{"backend": ref("backend", "new")}, Token: secret.New(envtest.Secret("GIT_TOKEN")),
	})
	if err == nil {
		t.Error("the program in git's place fails, and Push does not")
	}
	tool.Got(t)
}
