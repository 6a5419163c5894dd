package actions

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/program"
	"gitops/ci/secret"
)

// act runs the one job of the workflow file text, and returns its conclusion and log.
// Without rights the job gets no token, no secrets and no variables.
func (a *Actions) act(ctx context.Context, t *task, text []byte, environment Environment, rights bool) (conclusion, log string, err error) {
	dir, err := a.folder(t)
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err != nil {
		return "", "", err
	}
	files := map[string]any{"event.json": t.payload, "env.yaml": a.github(t), "vars.yaml": map[string]string{}, "secrets.yaml": map[string]string{}}
	env := a.environ(dir)
	if rights {
		secrets, variables := a.settings(t, environment)
		permissions := t.permissions()
		if secrets["GITHUB_TOKEN"], err = a.options.Token(ctx, without(permissions, "id-token")); err != nil {
			return "", "", err
		}
		files["vars.yaml"], files["secrets.yaml"] = variables, revealed(secrets)
		if permissions["id-token"] == "write" {
			issuer, err := a.issueTokens(t)
			if err != nil {
				return "", "", err
			}
			defer issuer.close()
			env = append(env, issuer.env()...)
		}
	}
	if err := writeFiles(dir, text, files); err != nil {
		return "", "", err
	}
	out, err := program.Run(ctx, program.Command{Name: a.options.Act, Args: a.arguments(t, dir), Dir: dir, Env: env})
	var ended *program.Error
	if err != nil && !errors.As(err, &ended) {
		return "", "", fmt.Errorf("running act: %w", err)
	}
	conclusion, log = read(out.Stdout)
	if ended != nil && conclusion != "failure" {
		conclusion, log = "failure", log+said(out.Said)
	}
	return conclusion, log, nil
}

// arguments are those of act. It runs in a new folder and is told every file
// that it would look for: .actrc, .env and .secrets of a checkout are not the lab's.
func (a *Actions) arguments(t *task, dir string) []string {
	args := []string{
		t.Name, "--job", t.job.ID.Value, "--workflows", filepath.Join(dir, "workflow.yml"), "--directory", filepath.Join(dir, "workspace"),
		"--eventpath", filepath.Join(dir, "event.json"), "--actor", t.Actor, "--defaultbranch", a.options.DefaultBranch,
		"--secret-file", filepath.Join(dir, "secrets.yaml"), "--var-file", filepath.Join(dir, "vars.yaml"), "--env-file", filepath.Join(dir, "env.yaml"),
		"--input-file", filepath.Join(dir, "none"), "--action-cache-path", filepath.Join(dir, "cache"),
		"--no-skip-checkout", "--no-cache-server", "--json",
	}
	for _, label := range t.job.RunsOn.Labels {
		args = append(args, "--platform", label.Value+"=-self-hosted")
	}
	for _, action := range t.uses() {
		name, _, _ := strings.Cut(action, "@")
		args = append(args, "--local-repository", action+"="+a.path("actions", path.Base(name)))
	}
	return args
}

// github are the variables that make act's context github, and steps' environment,
// what they are at GitHub.
func (a *Actions) github(t *task) map[string]string {
	owner, _, _ := strings.Cut(a.options.Repository, "/")
	return map[string]string{
		"GITHUB_SERVER_URL": a.options.Server, "GITHUB_API_URL": a.options.Server + "/api/v3", "GITHUB_GRAPHQL_URL": a.options.Server + "/api/graphql",
		"GITHUB_REPOSITORY": a.options.Repository, "GITHUB_REPOSITORY_OWNER": owner,
		// act takes the context's sha from this one.
		"SHA_REF": t.sha, "GITHUB_SHA": t.sha, "GITHUB_REF": t.ref, "GITHUB_TRIGGERING_ACTOR": t.Actor,
		"GITHUB_RUN_ID": idText(t.run.ID), "GITHUB_RUN_NUMBER": idText(t.run.ID), "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_WORKFLOW_REF": a.options.Repository + "/" + t.workflow.file + "@" + t.ref, "GITHUB_WORKFLOW_SHA": t.sha,
	}
}

// environ is the environment of act itself, which its steps inherit below their own.
func (a *Actions) environ(dir string) []string {
	env := maps.Clone(a.options.Env)
	if env == nil {
		env = map[string]string{}
	}
	set := func(name, value string) {
		if _, given := env[name]; !given {
			env[name] = value
		}
	}
	env["PATH"] = strings.Join(append(slices.Clone(a.options.Path), os.Getenv("PATH")), string(filepath.ListSeparator))
	set("HOME", filepath.Join(dir, "home"))
	set("LANG", "C.UTF-8")
	// This process's terminal is none of the steps'.
	set("GIT_TERMINAL_PROMPT", "0")
	env["LAB_ARTIFACTS"] = a.path("artifacts")
	env["LAB_CONNECT_TO"] = connectTo(a.options.Server, a.options.Outside)
	if a.options.Certificates != "" {
		set("GIT_SSL_CAINFO", a.options.Certificates)
	}
	if a.options.Outside != a.options.Server {
		env["GIT_CONFIG_COUNT"], env["GIT_CONFIG_KEY_0"], env["GIT_CONFIG_VALUE_0"] = "1", "url."+a.options.Outside+"/.insteadOf", a.options.Server+"/"
	}
	var all []string
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// connectTo is what curl is told to go to outside instead of server.
func connectTo(server, outside string) string {
	from, err := url.Parse(server)
	to, otherErr := url.Parse(outside)
	if err != nil || otherErr != nil || server == outside || from.Port() == "" || to.Port() == "" {
		return "::::" // what is asked for
	}
	return strings.Join([]string{from.Hostname(), from.Port(), to.Hostname(), to.Port()}, ":")
}

func without(all map[string]string, name string) map[string]string {
	some := maps.Clone(all)
	delete(some, name)
	return some
}

func revealed(secrets map[string]secret.Value) map[string]string {
	all := map[string]string{}
	for name, value := range secrets {
		all[strings.ToUpper(name)] = value.Reveal()
	}
	return all
}

// writeFiles writes what act reads; JSON is YAML.
func writeFiles(dir string, workflow []byte, files map[string]any) error {
	err := os.WriteFile(filepath.Join(dir, "workflow.yml"), workflow, 0o600)
	for name, content := range files {
		encoded, encodeErr := json.Marshal(content)
		err = errors.Join(err, encodeErr, os.WriteFile(filepath.Join(dir, name), encoded, 0o600))
	}
	if err != nil {
		return fmt.Errorf("writing what act reads: %w", err)
	}
	return nil
}

// line is one of act's log.
type line struct {
	Message   string `json:"msg"`
	JobResult string `json:"jobResult"`
}

// read returns the conclusion and the log out of act's output. A job that was skipped
// has no result there.
func read(output []byte) (conclusion, log string) {
	conclusion = "skipped"
	var text strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, len(output)+1)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			l.Message = lines.Text()
		}
		if strings.HasPrefix(l.Message, "LocalRepositoryCache ") {
			continue // where act finds a stand-in, several times a step
		}
		text.WriteString(strings.TrimRight(l.Message, "\r\n") + "\n")
		if l.JobResult != "" && conclusion != "failure" { // of a matrix each has one
			conclusion = l.JobResult
		}
	}
	return conclusion, text.String()
}

// said is the part of act's own words that tells why it stopped.
func said(words string) string {
	_, log := read([]byte(words))
	return log
}
