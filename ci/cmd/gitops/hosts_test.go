package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/stages"
)

// parsed returns the hosts that flags and a file of settings name.
func parsed(t *testing.T, settings string, args ...string) (stages.HostOptions, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gitops.yml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	var h hostFlags
	flags := pflag.NewFlagSet("deploy", pflag.ContinueOnError)
	flags.String("config", file, "")
	h.add(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := configure(flags, file); err != nil {
		return stages.HostOptions{}, err
	}
	return h.named()
}

func TestHostFlags(t *testing.T) {
	const settings = "host: {user: admin}\nhosts: [{address: a, key: ssh-ed25519 AAAA}, {address: 'b:2222', key: ssh-rsa BBBB==, user: me}]\n"
	for name, test := range map[string]struct {
		settings string
		args     []string
		want     string
	}{
		"one": {"", []string{"--host", "a", "--host-key", "k1"}, "@a=k1"},
		"keys in order, one with its own": {"", []string{"--host", "a", "--host", "me@b:2222=k2", "--host", "c", "--host-key", "k1", "--host-key", "k3", "--ssh-user", "u"},
			"u@a=k1, me@b:2222=k2, u@c=k3"},
		"a key has equals signs":        {"", []string{"--host", "[2001:db8::7]:22=ssh-rsa AAAA=="}, "@[2001:db8::7]:22=ssh-rsa AAAA=="},
		"settings":                      {settings, nil, "admin@a=ssh-ed25519 AAAA, me@b:2222=ssh-rsa BBBB=="},
		"a flag wins over all settings": {settings, []string{"--host", "c", "--host-key", "k"}, "@c=k"},
		"outputs win as well":           {settings, []string{"--outputs", "o.json"}, "@="},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parsed(t, test.settings, test.args...)
			var got []string
			for _, h := range append([]stages.HostAddress{{Address: o.Address, HostKey: o.HostKey, User: o.User}}, o.More...) {
				got = append(got, h.User+"@"+h.Address+"="+h.HostKey)
			}
			if err != nil || strings.Join(got, ", ") != test.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
	for says, text := range map[string]string{
		"both name servers": "host: {address: a}\nhosts: [{address: b}]\n",
		"did you mean \"user\"? There are address, key, user": "hosts: [{address: b, usr: c}]\n",
		"missing property 'address'":                          "hosts: [{key: b}]\n",
	} {
		if _, err := parsed(t, text); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want exit 2 and %q", text, err, says)
		}
	}
	if _, err := parsed(t, "", "--host", "a", "--host-key", "k", "--host-key", "k"); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("a key too many: got %v", err)
	}
}

// TestStatusOfSeveralHosts reaches two hosts as people behind a bastion do: with an
// agent, a known_hosts file, an alias and a jump host. One more does not answer.
func TestStatusOfSeveralHosts(t *testing.T) {
	if exec.Command("docker", "version").Run() != nil {
		t.Skip("needs a Docker engine")
	}
	jump, first, second := hosttest.Start(t), hosttest.Start(t), hosttest.Start(t)
	hosttest.Agent(t, jump.Key, first.Key, second.Key)
	t.Setenv("SSH_PRIVATE_KEY", "")
	dir := t.TempDir()
	known, config := filepath.Join(dir, "known_hosts"), filepath.Join(dir, "config")
	_, port, _ := strings.Cut(second.Address, ":")
	write(t, known, string(first.KnownHosts)+string(second.KnownHosts))
	write(t, config, fmt.Sprintf("Host web-2\n  HostName 127.0.0.1\n  Port %s\n  User %s\n  StrictHostKeyChecking no\n", port, second.User))
	args := []string{"status", "--json", "--deploy-dir", dir, "--known-hosts", known, "--ssh-config", config, "--host-wait", "5s",
		"--jump", jump.User + "@" + jump.Address, "--jump-host-key", jump.HostPublicKey, "--host", first.User + "@" + first.Address, "--host", "web-2"}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != progress.ExitDone {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	var got struct {
		Outcome string
		Hosts   []struct {
			Host, Outcome string
			Result        struct{ Dir string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Outcome != "done" || len(got.Hosts) != 2 || got.Hosts[1].Host != "web-2" || got.Hosts[1].Result.Dir != dir {
		t.Errorf("got %s, %v", stdout.String(), err)
	}
	if !strings.Contains(stderr.String(), "web-2: "+config+": StrictHostKeyChecking of host web-2 is ignored") {
		t.Errorf("it does not say what is ignored: %s", stderr.String())
	}
	stdout.Reset()
	stderr.Reset()
	args = append(slices.DeleteFunc(args, func(a string) bool { return a == "--json" }), "--host", "127.0.0.1:1="+first.HostPublicKey, "--parallel", "3", "--host-wait", "2s")
	if code := run(t.Context(), args, &stdout, &stderr); code != progress.ExitFailed {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	for _, line := range []string{first.Address + ": reached\n", "web-2: reached\n", "127.0.0.1:1: failed\n"} {
		if !strings.Contains(stdout.String(), line) {
			t.Errorf("no %q in %s", line, stdout.String())
		}
	}
	if !strings.Contains(stderr.String(), "gitops: 2 of 3 hosts are done\nhost 127.0.0.1:1: ") {
		t.Errorf("got %s", stderr.String())
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
