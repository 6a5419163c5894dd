// Package forward carries TCP connections from ports of this machine to other
// addresses. In a rehearsal Terraform's output is a loopback address; with
// forwarding, connecting to it reaches the host stand-in.
package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"gitops/ci/progress"
)

// Rule says where connections to one port go.
type Rule struct {
	Port   int    // the port listened on, on every address of this machine; 0 picks a free one
	Target string // host:port that the connection is carried to
}

// String returns the rule the way Parse reads it.
func (r Rule) String() string { return fmt.Sprintf("%d=%s", r.Port, r.Target) }

// dialTimeout bounds how long a caller waits for the target to answer.
const dialTimeout = 10 * time.Second

// Parse reads rules like "22=host.local:22,80=host.local:80". An empty text has
// no rules.
func Parse(text string) ([]Rule, error) {
	var rules []Rule
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		rule, err := parseRule(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseRule(text string) (Rule, error) {
	left, target, found := strings.Cut(text, "=")
	port, err := strconv.Atoi(left)
	if !found || err != nil || port < 0 || port > 65535 {
		return Rule{}, progress.Invalid("reading forwarding rule %q: want port=host:port, such as 22=host.local:22", text)
	}
	name, _, err := net.SplitHostPort(target)
	if err != nil || name == "" {
		return Rule{}, progress.Invalid("reading forwarding rule %q: %q is not host:port", text, target)
	}
	return Rule{Port: port, Target: target}, nil
}

// Forwarder listens for the connections of its rules until it is closed.
type Forwarder struct {
	listeners []net.Listener
	serving   sync.WaitGroup
	cancel    context.CancelFunc
}

// Listen starts forwarding. When a port cannot be listened on, no rule is in
// force.
func Listen(ctx context.Context, rules []Rule) (*Forwarder, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &Forwarder{cancel: cancel}
	for _, rule := range rules {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", rule.Port))
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("forwarding %s: %w", rule, err)
		}
		f.listeners = append(f.listeners, listener)
		f.serving.Add(1)
		go f.serve(ctx, listener, rule.Target)
	}
	context.AfterFunc(ctx, f.closeListeners)
	return f, nil
}

// Start forwards until ctx ends; no rules need no port.
func Start(ctx context.Context, rules []Rule) error {
	_, err := Listen(ctx, rules)
	return err
}

// Run forwards until ctx ends and every connection is closed.
func Run(ctx context.Context, rules []Rule) error {
	f, err := Listen(ctx, rules)
	if err != nil {
		return err
	}
	<-ctx.Done()
	f.Close()
	return nil
}

// Addresses returns where each rule listens, in the order of the rules.
func (f *Forwarder) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, listener := range f.listeners {
		addresses = append(addresses, listener.Addr())
	}
	return addresses
}

// Close ends every rule and connection and waits for them.
func (f *Forwarder) Close() {
	f.cancel()
	f.closeListeners()
	f.serving.Wait()
}

func (f *Forwarder) closeListeners() {
	for _, listener := range f.listeners {
		listener.Close()
	}
}

func (f *Forwarder) serve(ctx context.Context, listener net.Listener, target string) {
	defer f.serving.Done()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, say: that passes.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		f.serving.Add(1)
		go func() {
			defer f.serving.Done()
			carry(ctx, conn, target)
		}()
	}
}

// carry joins conn with a new connection to target. A target that does not
// answer is told to the caller the only way TCP has: the connection closes.
func carry(ctx context.Context, conn net.Conn, target string) {
	defer conn.Close()
	dialer := net.Dialer{Timeout: dialTimeout}
	upstream, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer upstream.Close()
	stop := context.AfterFunc(ctx, func() {
		conn.Close()
		upstream.Close()
	})
	defer stop()

	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(upstream, conn)
	}()
	copyHalf(conn, upstream)
	<-done
}

// copyHalf carries one direction and passes its end on, so that the other
// direction may go on.
func copyHalf(to, from net.Conn) {
	io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
