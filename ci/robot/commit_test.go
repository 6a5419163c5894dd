package robot

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"gitops/ci/secret"
)

func TestMessageAndIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.code("one")
	o := w.local(commit)
	o.Images["frontend"] = ref("frontend", commit)
	w.robot(o)
	want := "Run backend, frontend at " + commit[:12] + "\n\n" +
		"backend: owner/backend:first → " + ref("backend", commit) + "\n" +
		"frontend: owner/frontend:first → " + ref("frontend", commit) + "\n\n" +
		"Built-From: " + commit
	if got := w.git(w.bare, "log", "-1", "--format=%B", "integration"); got != want {
		t.Errorf("message\n%s\nwant\n%s", got, want)
	}
	if got := w.git(w.bare, "log", "-1", "--format=%(trailers:key=Built-From,valueonly)", "integration"); got != commit {
		t.Errorf("trailer %q", got)
	}

	w.pull()
	commit = w.code("two")
	o = w.local(commit)
	o.AuthorName, o.AuthorEmail = "Ro Böt", "ro@example.com"
	o.Message = "deploy({{.Branch}}): {{.Short}} in {{.Manifest}}\n\nBecause."
	o.Trailers, o.SkipCI = []string{"Signed-off-by: Ro Böt <ro@example.com>"}, true
	w.robot(o)
	want = "deploy(integration): " + commit[:12] + " in " + composePath + " [skip ci]\n\nBecause.\n\nBuilt-From: " + commit + "\nSigned-off-by: Ro Böt <ro@example.com>"
	if got := w.git(w.bare, "log", "-1", "--format=%B", "integration"); got != want {
		t.Errorf("message\n%s\nwant\n%s", got, want)
	}
	if got := w.git(w.bare, "log", "-1", "--format=%an <%ae> %cn <%ce>", "integration"); got != "Ro Böt <ro@example.com> Ro Böt <ro@example.com>" {
		t.Errorf("identity %s", got)
	}
}

func TestSignedBySSH(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("needs ssh-keygen (Debian: openssh-client)")
	}
	w := newWorld(t)
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		key := newKey(t, kind)
		allowed := filepath.Join(t.TempDir(), "allowed")
		line := "gitops-robot@users.noreply.invalid " + publicKey(t, key) + "\n"
		if err := os.WriteFile(allowed, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		o := w.local(w.code(kind))
		o.SignKey = key
		w.robot(o)
		out, err := w.run(w.bare, "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", "--verbose", "integration")
		if err != nil || !strings.Contains(out, `Good "git" signature for gitops-robot@users.noreply.invalid`) {
			t.Errorf("%s: %v %s", kind, err, out)
		}
		w.pull()
	}
}

func TestSignedByPGP(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("needs gpg (Debian: gnupg)")
	}
	entity, err := openpgp.NewEntity("Robot", "", "robot@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	armoured := func(kind string, write func(*bytes.Buffer) error) string {
		var key, text bytes.Buffer
		if err := write(&key); err != nil {
			t.Fatal(err)
		}
		encoder, err := armor.Encode(&text, kind, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := encoder.Write(key.Bytes()); err != nil {
			t.Fatal(err)
		}
		encoder.Close()
		return text.String()
	}
	private := armoured(openpgp.PrivateKeyType, func(b *bytes.Buffer) error { return entity.SerializePrivate(b, nil) })
	public := armoured(openpgp.PublicKeyType, func(b *bytes.Buffer) error { return entity.Serialize(b) })

	w := newWorld(t)
	o := w.local(w.head())
	o.SignKey = secret.New(private)
	w.robot(o)

	home, err := os.MkdirTemp("", "gpg") // short: gpg puts a socket there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run(); os.RemoveAll(home) })
	w.env = []string{"GNUPGHOME=" + home}
	gpg := exec.Command("gpg", "--homedir", home, "--batch", "--import")
	gpg.Stdin = strings.NewReader(public)
	if out, err := gpg.CombinedOutput(); err != nil {
		t.Fatalf("gpg: %v %s", err, out)
	}
	if out, err := w.run(w.bare, "verify-commit", "integration"); err != nil || !strings.Contains(out, "Good signature from") {
		t.Errorf("%v %s", err, out)
	}
}

// [skip ci] on the robot's commit would also stop the deploy that a fast-forward
// of deployment shall start: the robot sees the workflow and says so.
func TestSkipCIWarnsOfItsTrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(".github/workflows/ci.yml", "on:\n  push:\n    branches: [integration]\njobs: {}\n")
	w.write(".github/workflows/manual.yml", "on: workflow_dispatch\njobs: {}\n")
	o := w.local(w.code("one"))
	o.SkipCI = true
	if result := w.robot(o); len(result.Warnings) != 0 {
		t.Errorf("warnings without reason: %v", result.Warnings)
	}
	w.pull()
	w.write(".github/workflows/cd.yml", "name: CD\non:\n  push:\n    branches: [deployment]\n    paths: ['app/**']\njobs: {}\n")
	w.write(".github/workflows/any.yml", "on: [push, pull_request]\njobs: {}\n")
	o = w.local(w.code("two"))
	o.SkipCI = true
	result := w.robot(o)
	if len(result.Warnings) != 2 || !strings.Contains(result.Warnings[0], "any.yml from running when any other branch") ||
		!strings.Contains(result.Warnings[1], "cd.yml from running when deployment is fast-forwarded") {
		t.Errorf("warnings %q", result.Warnings)
	}
	w.pull()
	o = w.local(w.code("three"))
	if result := w.robot(o); len(result.Warnings) != 0 {
		t.Errorf("warnings without --skip-ci: %v", result.Warnings)
	}
}
