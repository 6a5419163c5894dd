//go:build faults

package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/host"
	"gitops/ci/progress"
)

// command builds the gitops command.
func command(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gitops")
	build := exec.Command("go", "build", "-o", path, "gitops/ci/cmd/gitops")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	run(t, build)
	return path
}

// commandFails runs `gitops deploy` as a person does, and expects an exit code and words
// of the message. Nothing on the host may be another one afterwards.
func (p *faultPlace) commandFails(gitops, login string, flags []string, exit int, says ...string) {
	p.t.Helper()
	before := p.footprint()
	o := p.to(image(p.other()))
	cmd := exec.Command(gitops, append([]string{"deploy", "--host", p.sshd.User + "@" + p.sshd.Address, "--manifest", "docker-compose.yml",
		"--commit", o.Commit, "--deploy-dir", p.dir, "--project", p.project, "--env", "PASSWORD", "--host-wait", "20s"}, flags...)...)
	cmd.Dir = o.Source.Root
	cmd.Env = append(os.Environ(), "SSH_PRIVATE_KEY="+login, "PASSWORD="+p.password, "SSH_AUTH_SOCK=")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	var ended *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &ended) || ended.ExitCode() != exit {
		p.t.Errorf("ended with %v, want exit %d:\n%s", err, exit, said.String())
	}
	for _, words := range says {
		if !strings.Contains(said.String(), words) {
			p.t.Errorf("the message lacks %q:\n%s", words, said.String())
		}
	}
	scan(p.t, "output", said.Bytes(), append(p.secrets(), login))
	if after := p.footprint(); after != before {
		p.t.Errorf("the host was touched:\n%s\nbefore:\n%s", after, before)
	}
	p.t.Logf("said:\n%s", said.String())
}

// footprint is what a deploy changes on a host: the folder's files with their times, and
// the containers.
func (p *faultPlace) footprint() string {
	p.t.Helper()
	files := run(p.t, exec.Command("find", p.dir, "-printf", "%P %s %T@\n"))
	return files + "\n" + run(p.t, exec.Command("docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}",
		"--filter", "label=com.docker.compose.project="+p.project))
}

// A host or a login that does not prove who it is: nothing is touched, and the message
// says what to compare.
func TestFaultKeys(t *testing.T) {
	p := newFaultPlace(t)
	gitops := command(t)
	otherLogin, otherKey, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	login, address := p.sshd.Key.Reveal(), p.sshd.Address
	p.under("host key unknown", 0, func(p *faultPlace) {
		file := filepath.Join(p.t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, []byte("203.0.113.7 "+otherKey+"\n"), 0o600); err != nil {
			p.t.Fatal(err)
		}
		p.commandFails(gitops, login, []string{"--known-hosts", file}, progress.ExitRefused, "host key of "+address+" is unknown", "after comparing the fingerprint")
	})
	p.under("host key changed", 0, func(p *faultPlace) {
		p.commandFails(gitops, login, []string{"--host-key", otherKey}, progress.ExitRefused,
			"host key of "+address+" has changed", "another machine or someone in between", fingerprint(p.t, p.sshd.HostPublicKey), fingerprint(p.t, otherKey))
	})
	p.under("host key of another type", 0, func(p *faultPlace) {
		ecdsa := filepath.Join(p.t.TempDir(), "key")
		run(p.t, exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa))
		public, err := os.ReadFile(ecdsa + ".pub")
		if err != nil {
			p.t.Fatal(err)
		}
		p.commandFails(gitops, login, []string{"--host-key", strings.TrimSpace(string(public))}, progress.ExitRefused,
			"host key of "+address+" has changed", "only keys of other types")
	})
	p.under("login key wrong", 0, func(p *faultPlace) {
		p.commandFails(gitops, otherLogin.Reveal(), []string{"--host-key", p.sshd.HostPublicKey}, progress.ExitFailed,
			fmt.Sprintf("login as %s on %s: the host refused the SSH key", p.sshd.User, address), "check that the private key belongs to")
	})
}

// fingerprint is what ssh-keygen prints of a public key.
func fingerprint(t *testing.T, public string) string {
	t.Helper()
	cmd := exec.Command("ssh-keygen", "-l", "-f", "-")
	cmd.Stdin = strings.NewReader(public + "\n")
	return strings.Fields(run(t, cmd))[1]
}
