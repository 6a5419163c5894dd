package actions

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gitops/ci/secret"
)

// hostile is the project at GitHub, with its own workflow files and its secrets where
// docs/aws.md puts them. Somebody who may push branches attacks it.
type hostile struct {
	*team
	loot    string            // folder where the attacker's code leaves what it found
	planted map[string]string // the value of each secret to "environment NAME"
	tokens  []secret.Value    // of the jobs, in their order
	base    string            // the commit of every branch
	actions *Actions
}

// The dagger command runs the module of the checkout, as the real one does.
const runsModule = `#!/bin/bash
if [ "$1 $2" = "--silent version" ]; then echo "dagger v0.21.8 (test) linux/amd64"; exit; fi
exec bash .dagger/main.sh "$@"
`

// honest is the module of the base: it records its calls, and the plan that it is given.
const honest = `printf '%s\n' "$*" >>"$RECORDS"
case "$*" in
*"call plan"*) mkdir plan && echo honest >plan/result.json ;;
*"call review"*) cat plan/result.json >>"$RECORDS" ;;
esac
`

// thief is a module that takes what it finds. Terraform's external data sources and
// provisioners run further inside, in the container that the module makes, and find
// less.
const thief = `mkdir -p "$LOOT/$GITHUB_JOB" && cd "$LOOT/$GITHUB_JOB" || exit
env >environment
find "$HOME" "$GITHUB_WORKSPACE" -type f -print -exec cat {} + >files
printf 'header = "Authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
  curl --config - --silent "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" >id-token
mkdir "$GITHUB_WORKSPACE/plan" && echo forged >"$GITHUB_WORKSPACE/plan/result.json"
`

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{team: newTeam(t), loot: t.TempDir(), planted: map[string]string{}}
	h.check(os.WriteFile(filepath.Join(h.options.Path[0], "dagger"), []byte(runsModule), 0o755))
	h.options.DefaultBranch, h.options.Env["LOOT"] = "infra_main", h.loot
	h.options.Environments = h.keep()
	h.options.Env["AWS_ENDPOINT_URL_STS"] = trusting(t)
	token := h.options.Token
	h.options.Token = func(ctx context.Context, permissions map[string]string) (secret.Value, error) {
		made, err := token(ctx, permissions)
		h.tokens = append(h.tokens, made)
		return made, err
	}
	files := []string{".dagger/main.sh", honest, "terraform/main.tf", "# nothing\n", "app/docker-compose.yml", "services: {}\n"}
	for _, name := range list(t, "../../../"+workflowFolder) {
		text, err := os.ReadFile(filepath.Join("../../..", workflowFolder, name))
		h.check(err)
		files = append(files, workflowFolder+name, string(text))
	}
	h.base = h.commit("Start", files...)
	for _, branch := range []string{"infra_main", "integration", "deployment"} {
		h.git("push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
	}
	h.actions = h.start()
	h.tokens = nil
	return h
}

var tableRow = regexp.MustCompile("(?m)^\\| (`[A-Z].*?) \\|(.*)\\|$")

// keep fills the environments as the table in docs/aws.md says, each secret with its
// own value.
func (h *hostile) keep() map[string]Environment {
	page, err := os.ReadFile("../../../docs/aws.md")
	h.check(err)
	places := []string{"plan", "review", "drift", "release", "production", ""}
	all := map[string]Environment{
		"review": {Branches: []string{"infra_main"}},
		"drift":  {Branches: []string{"infra_main"}}, "release": {Branches: []string{"integration"}},
		"production": {Branches: []string{"infra_main", "deployment"}},
	}
	for _, place := range places {
		kept := all[place]
		kept.Secrets, kept.Variables = map[string]secret.Value{}, map[string]string{"AWS_REGION": "eu-central-1", "AWS_ROLE": roleOf(place)}
		all[place] = kept
	}
	for _, row := range tableRow.FindAllStringSubmatch(string(page), -1) {
		cells := strings.Split(row[2], "|")
		for i, place := range places[:min(len(places), len(cells))] {
			for _, name := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(row[1], -1) {
				if len(cells) == len(places) && strings.TrimSpace(cells[i]) != "" {
					value := "planted-" + place + "-" + name[1]
					all[place].Secrets[name[1]], h.planted[value] = secret.New(value), strings.TrimSpace(place+" "+name[1])
				}
			}
		}
	}
	if len(h.planted) != 14 {
		h.Fatalf("docs/aws.md has secrets at %d places, want 14: %v", len(h.planted), h.planted)
	}
	return all
}

func roleOf(place string) string {
	switch place {
	case "plan", "drift":
		return "arn:aws:iam::123456789012:role/gitops-plan"
	case "production":
		return applyRole
	}
	return ""
}

const applyRole = "arn:aws:iam::123456789012:role/gitops-apply"

// trusting is an STS that lets a role be assumed by the environments that
// terraform/bootstrap trusts; moto asks nobody. The keys that it gives out are named
// after the role.
func trusting(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../terraform/bootstrap/github.tf")
	if err != nil {
		t.Fatal(err)
	}
	trusted := map[string]bool{} // role and subject
	for _, line := range regexp.MustCompile(`(?m)^ +(plan|apply) += \[("[^\]]*)\]$`).FindAllStringSubmatch(string(text), -1) {
		for name := range strings.SplitSeq(line[2], ", ") {
			trusted["gitops-"+line[1]+" repo:"+loop+":environment:"+strings.Trim(name, `"`)] = true
		}
	}
	if len(trusted) != 3 {
		t.Fatalf("terraform/bootstrap trusts %v, want two environments that plan and one that applies", trusted)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role := r.FormValue("RoleArn")[strings.LastIndex(r.FormValue("RoleArn"), "/")+1:]
		if claims := claimsOf(r.FormValue("WebIdentityToken")); !trusted[role+" "+claims["sub"]] || claims["aud"] != "sts.amazonaws.com" {
			http.Error(w, "Not authorized to perform sts:AssumeRoleWithWebIdentity", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "<AccessKeyId>ASIA-%[1]s</AccessKeyId>\n<SecretAccessKey>secret-of-%[1]s</SecretAccessKey>\n<SessionToken>session-of-%[1]s</SessionToken>\n", role)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

var claim = regexp.MustCompile(`"(\w+)":"([^"]*)"`)

func claimsOf(token string) map[string]string {
	claims := map[string]string{}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		for _, found := range claim.FindAllStringSubmatch(string(text), -1) {
			claims[found[1]] = found[2]
		}
	}
	return claims
}

// attack opens a pull request with files and returns the runs that follow.
func (h *hostile) attack(files ...string) []Run {
	h.Helper()
	head := h.commit("Harmless", files...)
	h.git("push", "--quiet", "origin", "HEAD:refs/heads/infra_features")
	h.double.OpenPull(7, "Harmless", "infra_features", "infra_main", head)
	return h.happen(h.actions, Event{Name: "pull_request", PullRequest: &PullRequest{Number: 7, Head: "infra_features", Base: "infra_main"}})
}

// stolen returns the secrets that are in text.
func (h *hostile) stolen(text string) []string {
	var found []string
	for value, name := range h.planted {
		if strings.Contains(text, value) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// read returns what the attacker's code left in a file; empty where it left none.
func (h *hostile) read(file string) string {
	content, _ := os.ReadFile(filepath.Join(h.loot, file))
	return string(content)
}

// assume reports whether the holder of an ID token may assume a role.
func (h *hostile) assume(role, token string) bool {
	h.Helper()
	answer, err := http.PostForm(h.options.Env["AWS_ENDPOINT_URL_STS"], url.Values{"RoleArn": {role}, "WebIdentityToken": {token}})
	h.check(err)
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// may tries with a token what would do harm, and returns what it may.
func (h *hostile) may(token string) []string {
	h.Helper()
	var may []string
	for _, call := range []struct{ name, method, path, body string }{
		{"read pull requests", "GET", "/pulls/7", ""},
		{"comment", "POST", "/issues/7/comments", `{"body": "<!-- gitops:review dir=terraform workspace=default -->"}`},
		{"read issues", "GET", "/issues", ""},
		{"open issues", "POST", "/issues", `{"title": "drift"}`},
	} {
		request, err := http.NewRequestWithContext(h.Context(), call.method, h.outside+"/api/v3/repos/"+loop+call.path, strings.NewReader(call.body))
		h.check(err)
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := h.client.Do(request)
		h.check(err)
		answer.Body.Close()
		if answer.StatusCode < 300 {
			may = append(may, call.name)
		}
	}
	for name, args := range map[string][]string{"fetch": {"ls-remote"}, "push to infra_main": {"push"}} {
		if h.gitAs(token, args...) {
			may = append(may, name)
		}
	}
	slices.Sort(may)
	return may
}

// gitAs fetches or pushes the attacker's commit with a token, and reports whether that
// was allowed.
func (h *hostile) gitAs(token string, args ...string) bool {
	args = append(args, h.outside+"/"+loop+".git")
	if args[0] == "push" {
		args = append(args, "--force", "HEAD:refs/heads/infra_main")
	}
	login := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	command := exec.CommandContext(h.Context(), "git", args...)
	command.Dir = h.clone
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.loot, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_SSL_CAINFO=" + h.options.Certificates,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + login}
	return command.Run() == nil
}

// want compares lists.
func (h *hostile) want(what string, got, want []string) {
	h.Helper()
	if !slices.Equal(got, want) {
		h.Errorf("%s: %q, want %q", what, got, want)
	}
}
