package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// container is a line of containers.sh, in Docker's words.
type container struct {
	Labels                       map[string]string
	ID, Name, Ref, Image, Policy string
	Restarts                     int
	Mounts                       []struct{ Type, Name, Destination string }
	Ports                        map[string]any
	State                        struct {
		Status    string
		ExitCode  int
		StartedAt time.Time
		Health    *struct{ Status string }
	}
}

// containers returns the project's containers.
func (m *remote) containers(ctx context.Context) ([]Service, error) {
	if m.onSwarm() {
		now, err := m.swarm(ctx)
		return now.list(), err
	}
	out, err := m.script(ctx, "containers", "")
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	services, _, err := parseContainers(out)
	return services, err
}

// parseContainers reads what containers.sh prints: the host's time, and containers and
// images in Docker's words.
func parseContainers(out string) (services []Service, now string, err error) {
	digests := map[string][]string{}
	for line := range strings.Lines(out) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "time":
			now = rest
		case "container":
			var c container
			if err := json.Unmarshal([]byte(rest), &c); err != nil {
				return nil, "", fmt.Errorf("reading Docker's description of a container: %w", err)
			}
			services = append(services, c.service())
		case "image":
			var image struct {
				ID      string
				Digests []string
			}
			if err := json.Unmarshal([]byte(rest), &image); err != nil {
				return nil, "", fmt.Errorf("reading Docker's description of an image: %w", err)
			}
			digests[image.ID] = image.Digests
		}
	}
	return withDigests(services, digests), now, nil
}

// withDigests adds the digests of their images to services, and sorts them by name.
func withDigests(services []Service, digests map[string][]string) []Service {
	for i := range services {
		services[i].Digest = digestOf(services[i].Ref, digests[services[i].ID])
	}
	sort.SliceStable(services, func(i, j int) bool {
		return services[i].Service+" "+services[i].Container < services[j].Service+" "+services[j].Container
	})
	return services
}

func (c container) service() Service {
	const label = "com.docker.compose."
	s := Service{
		Image:     Image{Service: c.Labels[label+"service"], Ref: c.Ref, ID: c.Image},
		Container: strings.TrimPrefix(c.Name, "/"), State: c.State.Status, Restarts: c.Restarts, Started: c.State.StartedAt,
		id: c.ID, exit: c.State.ExitCode, policy: c.Policy, file: c.Labels[label+"project.config_files"],
		folder: c.Labels[label+"project.working_dir"], hash: c.Labels[label+"config-hash"], labels: c.Labels,
	}
	for _, mount := range c.Mounts {
		if mount.Type == "volume" && unnamedForm.MatchString(mount.Name) {
			s.unnamed = append(s.unnamed, mount.Destination)
		}
	}
	s.exposed = sortedPorts(sortedKeys(c.Ports))
	if c.State.Health != nil && c.State.Health.Status != "none" {
		s.Health = c.State.Health.Status
	}
	return s
}

// unnamedForm is what Docker calls a volume that nobody gave a name.
var unnamedForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// sortedPorts returns the TCP ports of a list like 80/tcp, the lowest first.
func sortedPorts(exposed []string) (ports []string) {
	for _, port := range exposed {
		if number, ok := strings.CutSuffix(port, "/tcp"); ok {
			ports = append(ports, number)
		}
	}
	slices.SortFunc(ports, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	return ports
}
