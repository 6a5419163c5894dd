package actions

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitops/ci/secret"
)

// moto starts the server of the AWS stand-in and returns its address.
func moto(t *testing.T) string {
	t.Helper()
	if exec.Command("python3", "-c", "import moto.server, flask_cors").Run() != nil {
		t.Skip("needs the AWS stand-in: python3 with moto's server")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	var log bytes.Buffer
	server := exec.Command("python3", "-c", "import sys; from moto.server import main; main(sys.argv[1:])", "-H", "127.0.0.1", "-p", port)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get("http://" + address + "/moto-api/"); err == nil {
			answer.Body.Close()
			return "http://" + address
		}
	}
	t.Fatalf("the AWS stand-in does not answer:\n%s", log.String())
	return ""
}

func TestCredentialsOfAWS(t *testing.T) {
	endpoint := moto(t)
	const role = "arn:aws:iam::123456789012:role/apply"
	tests := []struct{ name, permissions, role, key, secret, conclusion, said string }{
		{"by the job's ID token", "id-token: write, contents: read", role, "", "", "success", "key ASIA session yes region eu-central-1"},
		{"without id-token", "contents: read", role, "", "", "failure", "Could not load credentials from any providers"},
		{"a role by static keys", "contents: read", role, "AKIAEXAMPLE", "static", "success", "key ASIA session yes"},
		{"static keys", "contents: read", "", "AKIAEXAMPLE", "static", "success", "key AKIA session no"},
		{"nothing", "id-token: write", "", "", "", "failure", "Could not load credentials from any providers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			team := newTeam(t)
			team.options.Env["AWS_ENDPOINT_URL"] = endpoint
			team.options.Environments["production"] = Environment{
				Secrets:   map[string]secret.Value{"AWS_ACCESS_KEY_ID": secret.New(test.key), "AWS_SECRET_ACCESS_KEY": secret.New(test.secret)},
				Variables: map[string]string{"AWS_ROLE": test.role, "AWS_REGION": "eu-central-1"},
			}
			workflow := "name: Apply\n" + onPush + "\njobs:\n  apply:\n    runs-on: ubuntu-24.04\n    environment: production\n    permissions: {" + test.permissions + "}\n    steps:\n" +
				"      - uses: " + aws + "\n        with:\n          role-to-assume: ${{ vars.AWS_ROLE }}\n          aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}\n" +
				"          aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}\n          aws-region: ${{ vars.AWS_REGION }}\n" +
				"      - run: echo \"key ${AWS_ACCESS_KEY_ID:0:4} session ${AWS_SESSION_TOKEN:+yes}${AWS_SESSION_TOKEN:-no} region $AWS_REGION\" | sed 's/yes.*region/yes region/'\n"
			team.has(team.one(team.push("main", workflowFile, workflow), test.conclusion), test.said)
		})
	}
}

func TestTheIDTokenSaysWhoAsks(t *testing.T) {
	a := &Actions{options: Options{Server: server, Repository: loop}}
	tests := map[string]struct{ event, ref, environment, subject string }{
		"a branch":       {"push", "refs/heads/main", "", "repo:example/loop:ref:refs/heads/main"},
		"a pull request": {"pull_request", "refs/pull/1/merge", "", "repo:example/loop:pull_request"},
		"an environment": {"pull_request", "refs/pull/1/merge", "plan", "repo:example/loop:environment:plan"},
	}
	for name, test := range tests {
		w := newWorkflow("a.yml", []byte("on: push\njobs: {a: {runs-on: x, environment: '"+test.environment+"', steps: [{run: x}]}}\n"))
		token := a.idToken(&task{occurrence: &occurrence{Event: Event{Name: test.event}, ref: test.ref}, workflow: w, run: &Run{}, job: w.Jobs["a"]}, "sts.amazonaws.com")
		claims := map[string]any{}
		decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err == nil {
			err = json.Unmarshal(decoded, &claims)
		}
		if err != nil || claims["sub"] != test.subject || claims["aud"] != "sts.amazonaws.com" {
			t.Errorf("%s: %v, %v", name, claims, err)
		}
	}
}

// list returns the names in a folder.
func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
