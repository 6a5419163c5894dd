package stages

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
)

// A host that shows another key than the known one is refused by every stage.
func TestAWrongHostKeyIsRefused(t *testing.T) {
	sshd := hosttest.Start(t)
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	h := HostOptions{Address: sshd.Address, User: sshd.User, Key: sshd.Key, HostKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(other))), Wait: 20 * time.Second}
	inRepository(t, "-- site.yml --\n-- compose.yml --\nservices: {web: {image: web}}\n")
	roll := RollOptions{Host: h}
	for name, stage := range map[string]func(context.Context) error{
		"status": func(ctx context.Context) error { _, err := Status(ctx, PlaceOptions{Host: h}); return err },
		"unlock": func(ctx context.Context) error { _, err := Unlock(ctx, PlaceOptions{Host: h}); return err },
		"rollback": func(ctx context.Context) error {
			_, err := Rollback(ctx, RollbackOptions{RollOptions: roll})
			return err
		},
		"deploy": func(ctx context.Context) error {
			_, err := Deploy(ctx, DeployOptions{RollOptions: roll, Manifests: []string{"compose.yml"}, Commit: strings.Repeat("a", 40)})
			return err
		},
		"configure": func(ctx context.Context) error {
			_, err := Configure(ctx, ConfigureOptions{Dir: ".", Playbook: "site.yml", Host: h})
			return err
		},
		"drift": func(ctx context.Context) error {
			o := DriftOptions{Host: h, Manifests: []string{"compose.yml"}}
			source, err := o.source(t.Context())
			if err != nil {
				return err
			}
			config, err := h.config()
			if err != nil {
				return err
			}
			_, err = o.running(ctx, config, source)
			return err
		},
	} {
		if err := stage(t.Context()); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "has changed") {
			t.Errorf("%s: exit %d: %v", name, progress.ExitCode(err), err)
		}
	}
}
