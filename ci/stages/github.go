package stages

import (
	"gitops/ci/github"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// GitHubOptions say which repository on GitHub a stage reads and writes.
type GitHubOptions struct {
	// Repo is owner/name. Stages that only tell GitHub about their result leave
	// that out when it is empty.
	Repo string `json:"repo,omitempty"`
	// APIURL is the root of the API; GitHub's own when empty.
	APIURL string `json:"api_url,omitempty"`
	// Run is the address of the run on GitHub Actions that this is; empty elsewhere.
	Run string `json:"run,omitempty"`
	// Token has the permissions that the stage names.
	Token secret.Value `json:"-"`
}

func (g GitHubOptions) client(out Output) (*github.Client, error) {
	if g.Repo == "" || g.Token.Empty() {
		return nil, progress.Invalid("talking to GitHub needs --github-repo owner/name and GITHUB_TOKEN in the environment")
	}
	return github.New(github.Config{APIURL: g.APIURL, Token: g.Token, Repo: g.Repo, Progress: out.Progress})
}
