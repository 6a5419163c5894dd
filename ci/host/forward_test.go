package host_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
)

// echo listens on network and sends back what it gets.
func echo(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestDialFromTheHost(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	for network, address := range map[string]string{
		"tcp": echo(t, "tcp", "127.0.0.1:0"), "unix": echo(t, "unix", filepath.Join(t.TempDir(), "socket")),
	} {
		conn, err := client.Dial(t.Context(), network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "over there"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("over there"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "over there" {
			t.Errorf("%s: got %q, %v", network, got, err)
		}
	}
}

func TestDialFromTheHostSaysWhyNot(t *testing.T) {
	t.Parallel()
	open, closed := echo(t, "tcp", "127.0.0.1:0"), freeAddress(t)
	tests := map[string]struct {
		settings []string
		address  string
		says     string
	}{
		"nobody listens":     {nil, closed, "connect failed"},
		"forwarding is off":  {[]string{"AllowTcpForwarding no"}, open, "AllowTcpForwarding"},
		"all of it is off":   {[]string{"DisableForwarding yes"}, open, "DisableForwarding"},
		"another port alone": {[]string{"PermitOpen 127.0.0.1:1"}, open, "PermitOpen"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := dial(t, hosttest.Start(t, test.settings...).Config())
			_, err := client.Dial(t.Context(), "tcp", test.address)
			var lost *host.ConnectionError
			if !errors.As(err, &lost) || lost.Phase != host.PhaseForward || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want %q", err, test.says)
			}
			if strings.Contains(err.Error(), "forbids") != (test.address == open) {
				t.Errorf("the wrong remedy: %v", err)
			}
			if _, err := client.Run(t.Context(), host.Command{Args: []string{"true"}}); err != nil {
				t.Errorf("the connection did not outlive the refusal: %v", err)
			}
		})
	}
}

// A server that answers no request for a channel holds nobody longer than ctx.
func TestDialFromTheHostEndsWithItsContext(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	s.ignoreForwards = true
	client := dial(t, s.client(key))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.Dial(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the end of the context", err)
	}
}
