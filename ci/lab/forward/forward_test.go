package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gitops/ci/progress"
)

func TestParse(t *testing.T) {
	rules, err := Parse("22=host.local:22, 80=[::1]:8080,")
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{{22, "host.local:22"}, {80, "[::1]:8080"}}
	if len(rules) != len(want) || rules[0] != want[0] || rules[1] != want[1] {
		t.Errorf("rules %v, want %v", rules, want)
	}
	if rules, err := Parse(""); err != nil || len(rules) != 0 {
		t.Errorf("empty text: %v, %v", rules, err)
	}
}

func TestParseNamesTheBadRule(t *testing.T) {
	for _, text := range []string{"22", "x=host:22", "70000=host:22", "-1=host:22", "22=host", "22=:22", "22="} {
		_, err := Parse("80=ok:80," + text)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v does not name the rule", text, err)
		}
		if progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%q: exit %d, want %d", text, progress.ExitCode(err), progress.ExitInvalid)
		}
	}
}

// shout answers every line in capitals and, when the caller has no more to say,
// takes its leave.
func shout(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
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
				lines := bufio.NewScanner(conn)
				for lines.Scan() {
					io.WriteString(conn, strings.ToUpper(lines.Text())+"\n")
				}
				io.WriteString(conn, "BYE\n")
			}()
		}
	}()
	return listener.Addr().String()
}

// dial connects to the port of the forwarder's first rule by a loopback address
// other than 127.0.0.1, as Terraform's outputs are in a rehearsal.
func dial(t *testing.T, f *Forwarder) *net.TCPConn {
	t.Helper()
	_, port, _ := net.SplitHostPort(f.Addresses()[0].String())
	conn, err := net.DialTimeout("tcp", "127.38.0.9:"+port, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

func TestForwardsBothWaysAndPassesTheEndOn(t *testing.T) {
	f, err := Listen(t.Context(), []Rule{{0, shout(t)}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	conn := dial(t, f)
	io.WriteString(conn, "hello\n")
	conn.CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil || string(answer) != "HELLO\nBYE\n" {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestUnreachableTargetClosesTheConnection(t *testing.T) {
	f, err := Listen(t.Context(), []Rule{{0, "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if answer, err := io.ReadAll(dial(t, f)); err != nil || len(answer) != 0 {
		t.Errorf("answer %q, %v; want the connection closed", answer, err)
	}
}

func TestRunEndsWithOpenConnections(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f, err := Listen(ctx, []Rule{{0, shout(t)}})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, f)
	io.WriteString(conn, "hello\n")
	bufio.NewReader(conn).ReadString('\n')
	cancel()
	closed := make(chan struct{})
	go func() { f.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Fatal("an open connection kept the forwarder from closing")
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rule := Rule{taken.Addr().(*net.TCPAddr).Port, "host.local:22"}
	err = Start(t.Context(), []Rule{{0, "host.local:80"}, rule})
	if err == nil || !strings.Contains(err.Error(), rule.String()) {
		t.Errorf("error %v does not name rule %s", err, rule)
	}
}
