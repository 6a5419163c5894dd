package deploy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitops/ci/retry"
)

// proxy is the Traefik on the host. It is asked from the host itself, through the SSH
// connection, so that nothing has to be published for it.
type proxy struct {
	addresses []string // of its ports
	client    *http.Client
	scheme    map[string]string // http or https, by address
	inside    []string          // its addresses in Docker's networks
	networks  []string          // of the project
}

// newProxy returns the Traefik on the host that can reach the project's networks, by
// what proxies.sh wrote; nil when there is none. Another project's Traefik may not
// answer a probe, nor count requests.
func newProxy(h Host, out string, networks []string) (*proxy, error) {
	p := &proxy{scheme: map[string]string{}, client: askingClient(h), networks: networks}
	for line := range strings.Lines(out) {
		var found foundProxy
		if err := json.Unmarshal([]byte(line), &found); err != nil {
			return nil, errors.New("looking for Traefik: the answer of docker inspect is not JSON")
		}
		p.add(found)
	}
	if len(p.addresses) == 0 {
		return nil, nil
	}
	return p, nil
}

// askingClient returns an HTTP client whose connections start on the host. It only asks
// whether Traefik has a router, and reads its metrics: whose certificate it shows
// does not matter.
func askingClient(h Host) *http.Client {
	return &http.Client{
		Timeout:       3 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:       h.Dial,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
			DisableKeepAlives: true,
		},
	}
}

// foundProxy is a line of proxies.sh.
type foundProxy struct {
	Networks map[string]struct{ IPAddress string }
	Ports    map[string]any
	Args     []string
}

// add adds the addresses of a Traefik.
func (p *proxy) add(found foundProxy) {
	var hosts []string
	for name, network := range found.Networks {
		if network.IPAddress != "" && slices.Contains(p.networks, name) {
			hosts = append(hosts, network.IPAddress)
		}
	}
	p.inside = append(p.inside, hosts...)
	if _, onHost := found.Networks["host"]; onHost {
		hosts = []string{"127.0.0.1"}
	}
	if len(hosts) == 0 {
		return
	}
	slices.Sort(hosts)
	ports := portsIn(found.Args)
	ports = append(ports, sortedPorts(sortedKeys(found.Ports))...)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		p.addresses = append(p.addresses, net.JoinHostPort(hosts[0], port))
	}
}

// portsIn returns the ports of the entry points in Traefik's arguments.
func portsIn(args []string) (ports []string) {
	for _, arg := range args {
		key, value, _ := strings.Cut(strings.ToLower(strings.TrimLeft(arg, "-")), "=")
		if !strings.HasPrefix(key, "entrypoints.") || !strings.HasSuffix(key, ".address") {
			continue
		}
		value, protocol, _ := strings.Cut(value, "/")
		if protocol == "udp" {
			continue
		}
		if _, port, err := net.SplitHostPort(value); err == nil {
			if _, err := strconv.Atoi(port); err == nil {
				ports = append(ports, port)
			}
		}
	}
	return append(ports, "8080") // of Traefik's own entry point
}

// has asks whether Traefik has the router of a path that it answers itself. The error
// is that of an entry point, when none answered at all.
func (p *proxy) has(ctx context.Context, path string) (bool, error) {
	var failure error
	answered := false
	for _, address := range p.addresses {
		response, err := p.get(ctx, address, "", path)
		if err != nil {
			failure = err
			continue
		}
		response.Body.Close()
		answered = true
		if response.StatusCode == http.StatusTeapot {
			return true, nil
		}
	}
	if answered {
		return false, nil
	}
	return false, failure
}

// get asks an entry point over HTTP, or over TLS where it wants that.
func (p *proxy) get(ctx context.Context, address, host, path string) (*http.Response, error) {
	return p.getWith(ctx, address, host, path, nil)
}

// getWith is get with more headers.
func (p *proxy) getWith(ctx context.Context, address, host, path string, header http.Header) (*http.Response, error) {
	schemes := []string{"http", "https"}
	if known := p.scheme[address]; known != "" {
		schemes = []string{known}
	}
	var failure error
	for _, scheme := range schemes {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+path, nil)
		if err != nil {
			return nil, err
		}
		request.Host = host
		for key, values := range header {
			request.Header[key] = values
		}
		response, err := p.client.Do(request)
		if err == nil && (scheme == "https" || response.StatusCode != http.StatusBadRequest) {
			p.scheme[address] = scheme
			return response, nil
		}
		if err == nil {
			response.Body.Close()
			err = fmt.Errorf("%s answers %s", address, response.Status)
		}
		if failure == nil {
			failure = err
		}
	}
	return nil, failure
}

// switchPatience is how long Traefik may take to read a change: it does at most one
// in two seconds (providers.providersThrottleDuration).
const switchPatience = 30 * time.Second

// switchPoll is how often Traefik is asked.
const switchPoll = 200 * time.Millisecond

// unasked is how long a run waits for Traefik where it cannot ask.
const unasked = 5 * time.Second

// switched waits until Traefik sends requests to the new generation of a service.
func (r *run) switched(ctx context.Context, a Action) error {
	if r.proxy == nil {
		return nil // nothing routes: whoever starts a Traefik later finds the container
	}
	if a.unmarked {
		return retry.Sleep(ctx, unasked)
	}
	return r.marked(ctx, a.Service, a.next)
}

// marked waits until Traefik has a generation of a service.
func (r *run) marked(ctx context.Context, service string, g generation) error {
	path, deadline := g.marker(qualified(service, r.Project)), time.Now().Add(switchPatience)
	for {
		has, err := r.proxy.has(ctx, path)
		switch {
		case has:
			return nil
		case err != nil && ctx.Err() == nil:
			r.warn("Traefik cannot be asked (%v): waiting %s for it instead", err, unasked)
			return retry.Sleep(ctx, unasked)
		case time.Now().After(deadline):
			return fmt.Errorf("service %s: Traefik does not have the new container after %s, though it is healthy: %s is not answered at %s; "+
				"compare its networks, its traefik.docker.network and its entry points with Traefik's, and read Traefik's log",
				service, switchPatience, path, strings.Join(r.proxy.addresses, ", "))
		}
		if err := retry.Sleep(ctx, switchPoll); err != nil {
			return fmt.Errorf("waiting for Traefik: %w", err)
		}
	}
}

// Requests are what Traefik answered while a deploy ran, by its metrics.
type Requests struct {
	// Total counts requests, Failed those that were answered with 5xx.
	Total  int `json:"total"`
	Failed int `json:"failed"`
}

// requests reads how many requests Traefik has answered so far. It is false where
// Traefik has no metrics.
func (p *proxy) requests(ctx context.Context) (Requests, bool) {
	for _, address := range p.addresses {
		response, err := p.get(ctx, address, "", "/metrics")
		if err != nil {
			continue
		}
		counted, found := countRequests(response.Body)
		response.Body.Close()
		if found {
			return counted, true
		}
	}
	return Requests{}, false
}

// countRequests adds up the requests of all entry points.
func countRequests(metrics io.Reader) (counted Requests, found bool) {
	lines := bufio.NewScanner(io.LimitReader(metrics, 16<<20))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "traefik_config_reloads_total") {
			found = true
		}
		if !strings.HasPrefix(line, "traefik_entrypoint_requests_total{") {
			continue
		}
		number, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			continue
		}
		counted.Total += int(number)
		if strings.Contains(line, `code="5`) {
			counted.Failed += int(number)
		}
	}
	return counted, found
}

func (r Requests) since(before Requests) Requests {
	return Requests{Total: r.Total - before.Total, Failed: r.Failed - before.Failed}
}
