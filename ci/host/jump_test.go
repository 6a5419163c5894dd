package host_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
)

func TestDialThroughJumpHosts(t *testing.T) {
	t.Parallel()
	first, second, target := hosttest.Start(t).Config(), hosttest.Start(t).Config(), hosttest.Start(t).Config()
	second.Jump, target.Jump = &first, &second
	client := dial(t, target)
	out, err := client.Run(t.Context(), host.Command{Args: []string{"sh", "-c", "echo $SSH_CONNECTION"}})
	if err != nil || !strings.HasSuffix(strings.TrimSpace(out.Stdout), strings.TrimPrefix(target.Address, "127.0.0.1:")) {
		t.Fatalf("got %q, %v", out.Stdout, err)
	}
	if client.Address() != target.Address {
		t.Errorf("the client is of %s", client.Address())
	}
	client.Close()
	if _, err := client.Dial(t.Context(), "tcp", first.Address); err == nil {
		t.Error("the connection outlives Close")
	}
}

// A jump host proves who it is as every host does, and nothing that it says counts
// for the host behind it.
func TestJumpHostsProveThemselves(t *testing.T) {
	t.Parallel()
	jump, target, other := hosttest.Start(t).Config(), hosttest.Start(t).Config(), hosttest.Start(t).Config()
	unknown, changed := jump, target
	unknown.KnownHosts = target.KnownHosts
	_, otherKey, _ := strings.Cut(string(other.KnownHosts), " ")
	name, _, _ := strings.Cut(string(target.KnownHosts), " ")
	changed.KnownHosts = []byte(name + " " + otherKey)
	for says, pair := range map[string][2]host.Config{
		"jump host: host key of " + jump.Address + " is unknown": {unknown, target},
		"host key of " + target.Address + " has changed":         {jump, changed},
	} {
		config := pair[1]
		config.Jump = &pair[0]
		_, err := host.Dial(t.Context(), config)
		var refused *host.KeyError
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

// Waiting longer does not change a jump host's settings.
func TestWaitEndsAtAJumpHostThatForbidsForwarding(t *testing.T) {
	t.Parallel()
	jump, target := hosttest.Start(t, "AllowTcpForwarding no").Config(), hosttest.Start(t).Config()
	target.Jump = &jump
	begun := time.Now()
	_, err := host.Wait(t.Context(), target, host.Needs{}, nil)
	if err == nil || !strings.Contains(err.Error(), "AllowTcpForwarding") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestHostKeyAlias(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t)
	config := server.Config()
	config.HostKeyAlias = "web-1"
	var refused *host.KeyError
	if _, err := host.Dial(t.Context(), config); !errors.As(err, &refused) {
		t.Fatalf("the address counts beside the alias: %v", err)
	}
	config.KnownHosts = []byte("web-1 " + server.HostPublicKey)
	dial(t, config)
}

// A program that knows nothing of jump hosts logs in through a tunnel, and knows the
// host by the name that known_hosts has.
func TestTunnel(t *testing.T) {
	t.Parallel()
	jump, target := hosttest.Start(t).Config(), hosttest.Start(t).Config()
	straight := dial(t, target)
	if _, err := straight.Tunnel(t.Context()); err == nil {
		t.Error("a tunnel without a jump host")
	}
	config := target
	config.Jump = &jump
	client := dial(t, config)
	tunnel, err := client.Tunnel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	through := target
	through.Address, through.HostKeyAlias = tunnel.Address, client.Address()
	program := dial(t, through)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	out, err := program.Run(t.Context(), host.Command{Args: []string{"cat"}, Stdin: strings.NewReader(big)})
	if err != nil || out.Stdout != big {
		t.Errorf("%d bytes came back, %v", len(out.Stdout), err)
	}
	if want := "[127.0.0.1]:" + strings.TrimPrefix(target.Address, "127.0.0.1:"); client.KnownAs() != want {
		t.Errorf("it is known as %s, want %s", client.KnownAs(), want)
	}
	if err := tunnel.Close(); err != nil {
		t.Error(err)
	}
	if _, err := program.Run(t.Context(), host.Command{Args: []string{"true"}}); err == nil {
		t.Error("the tunnel carries on after its end")
	}
}
