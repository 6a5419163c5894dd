package deploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// Release is a manifest with its refs, as put on a host.
type Release struct {
	// Name is its folder in releases: <UTC time>-<commit>.
	Name string `json:"name"`
	// Commit is where the manifest comes from, Actor who deployed it first.
	Commit string `json:"commit"`
	Actor  string `json:"actor"`
	// Manifest is the SHA-256 of the manifest.
	Manifest string `json:"manifest"`
	// Images are what its services ran when it was healthy.
	Images []Image `json:"images"`
}

// Image is what a service runs.
type Image struct {
	Service string `json:"service"`
	// Ref is the image as the manifest names it.
	Ref string `json:"ref"`
	// Digest is the same by digest in its registry; empty when it came from none.
	Digest string `json:"digest,omitempty"`
	// ID is the image's identity on the host.
	ID string `json:"id"`
}

// Service is a running, or not running, container of the project.
type Service struct {
	Image
	// Container is the container's name.
	Container string `json:"container"`
	// State is Docker's word: running, exited, restarting …
	State string `json:"state"`
	// Health is healthy, unhealthy or starting; empty without a health check.
	Health string `json:"health,omitempty"`
	// Restarts is how often Docker restarted the container.
	Restarts int `json:"restarts,omitempty"`
	// Started is when the container started, by the host's clock.
	Started time.Time `json:"started"`

	id     string
	exit   int
	policy string
	file   string
}

// fine reports whether the container does what it should.
func (s Service) fine() bool {
	return s.finished() || s.State == "running" && (s.Health == "" || s.Health == "healthy")
}

// finished reports whether the container had one thing to do and did it.
func (s Service) finished() bool {
	return s.State == "exited" && s.exit == 0 && s.policy != "always" && s.policy != "unless-stopped"
}

// undecided reports whether the container runs and its health is not known.
func (s Service) undecided() bool { return s.Health == "" || s.Health == "starting" }

// unknown is the exit code of a container that was not seen down.
const unknown = -1

// restarted says how often, and how the container last ended.
func (s Service) restarted() string {
	if s.exit == unknown {
		return fmt.Sprintf("was restarted %d times", s.Restarts)
	}
	return fmt.Sprintf("was restarted %d times, last with exit code %d", s.Restarts, s.exit)
}

// failing says what is wrong with the container for good, or nothing.
func (s Service) failing(restarts int) string {
	switch {
	case s.Health == "unhealthy" && s.Restarts > 0:
		return "is unhealthy and " + s.restarted()
	case s.Health == "unhealthy":
		return "is unhealthy"
	case s.Restarts > restarts:
		return s.restarted()
	case s.State == "dead", s.State == "exited" && !s.finished():
		return fmt.Sprintf("exited with code %d", s.exit)
	}
	return ""
}

// container is a line of containers.sh, in Docker's words.
type container struct {
	Labels                       map[string]string
	ID, Name, Ref, Image, Policy string
	Restarts                     int
	State                        struct {
		Status    string
		ExitCode  int
		StartedAt time.Time
		Health    *struct{ Status string }
	}
}

// containers returns the project's containers and the host's time.
func (m *remote) containers(ctx context.Context) ([]Service, string, error) {
	out, err := m.script(ctx, "containers", "")
	if err != nil {
		return nil, "", fmt.Errorf("listing containers: %w", err)
	}
	return parseContainers(out)
}

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
				return nil, "", fmt.Errorf("reading what Docker said of a container: %w", err)
			}
			services = append(services, c.service())
		case "image":
			var image struct {
				ID      string
				Digests []string
			}
			if err := json.Unmarshal([]byte(rest), &image); err != nil {
				return nil, "", fmt.Errorf("reading what Docker said of an image: %w", err)
			}
			digests[image.ID] = image.Digests
		}
	}
	for i := range services {
		services[i].Digest = digestOf(services[i].Ref, digests[services[i].ID])
	}
	sort.SliceStable(services, func(i, j int) bool {
		return services[i].Service+" "+services[i].Container < services[j].Service+" "+services[j].Container
	})
	return services, now, nil
}

func (c container) service() Service {
	const label = "com.docker.compose."
	s := Service{
		Image:     Image{Service: c.Labels[label+"service"], Ref: c.Ref, ID: c.Image},
		Container: strings.TrimPrefix(c.Name, "/"), State: c.State.Status, Restarts: c.Restarts, Started: c.State.StartedAt,
		id: c.ID, exit: c.State.ExitCode, policy: c.Policy, file: c.Labels[label+"project.config_files"],
	}
	if c.State.Health != nil && c.State.Health.Status != "none" {
		s.Health = c.State.Health.Status
	}
	return s
}

// digestOf returns the digest form of ref among those that an image has. An image
// may have others, from repositories that had the same one.
func digestOf(ref string, digests []string) string {
	repository := repositoryOf(ref)
	for _, digest := range digests {
		if repositoryOf(digest) == repository {
			return digest
		}
	}
	return ""
}

// repositoryOf returns ref without its tag and digest, and Docker Hub's
// repositories in their short form, as the engine tells them.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndex(ref, ":"); colon > strings.LastIndex(ref, "/") {
		ref = ref[:colon]
	}
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "index."), "docker.io/")
	return strings.TrimPrefix(ref, "library/")
}

// State is what a place on a host has and runs.
type State struct {
	Dir     string `json:"dir"`
	Project string `json:"project"`
	// Current is the release that was healthy last; empty before the first.
	Current string `json:"current"`
	// Releases are those that can be rolled back to, oldest first.
	Releases []Release `json:"releases"`
	// Services are the project's containers.
	Services []Service `json:"services"`
	// Lock is the deploy that is going on, if one is.
	Lock *Lock `json:"lock,omitempty"`
	// Last is the newest receipt.
	Last *Receipt `json:"last,omitempty"`

	unfinished []string
	ledger     []string
	now        string
}

// Status returns what the place has and runs. It changes nothing.
func Status(ctx context.Context, h Host, p Place) (State, error) {
	m, err := reach(ctx, h, p)
	if err != nil {
		return State{}, err
	}
	return m.state(ctx)
}

// state reads the place.
func (m *remote) state(ctx context.Context) (State, error) {
	out, err := m.script(ctx, "read", "")
	if err != nil {
		return State{}, fmt.Errorf("reading %s on the host: %w", m.Dir, err)
	}
	state, err := parseState(out)
	if err != nil {
		return State{}, fmt.Errorf("reading %s on the host: %w", m.Dir, err)
	}
	state.Dir, state.Project = m.Dir, m.Project
	state.Services, state.now, err = m.containers(ctx)
	return state, err
}

func parseState(out string) (State, error) {
	var s State
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if err := s.take(words[0], words[1:]); err != nil {
			return s, err
		}
	}
	if s.release(s.Current) == nil {
		s.Current = "" // its folder was removed by hand
	}
	sort.Slice(s.Releases, func(i, j int) bool { return s.Releases[i].Name < s.Releases[j].Name })
	return s, nil
}

// take reads one line of read.sh.
func (s *State) take(kind string, words []string) error {
	content, err := base64.StdEncoding.DecodeString(words[len(words)-1])
	switch kind {
	case "current":
		s.Current = words[0]
		return nil
	case "unfinished":
		s.unfinished = append(s.unfinished, words[0])
		return nil
	case "image":
		s.ledger = append(s.ledger, words[0])
		return nil
	case "lock":
		lock := parseLock(words[0], strings.Split(string(content), "\n"))
		s.Lock = &lock
	case "release":
		release := Release{}
		if json.Unmarshal(content, &release) != nil {
			s.unfinished = append(s.unfinished, words[0])
			return nil
		}
		release.Name = words[0]
		s.Releases = append(s.Releases, release)
	case "receipt":
		// A receipt that cannot be read is no reason to stop.
		if last := (Receipt{}); json.Unmarshal(content, &last) == nil {
			s.Last = &last
		}
	}
	return err
}

// release returns the named release, or nil.
func (s *State) release(name string) *Release {
	i := slices.IndexFunc(s.Releases, func(r Release) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Releases[i]
}

// images returns what services run, one entry for each service, sorted.
func images(services []Service) []Image {
	byService := map[string]Image{}
	for _, s := range services {
		byService[s.Service] = s.Image
	}
	var list []Image
	for _, name := range slices.Sorted(maps.Keys(byService)) {
		list = append(list, byService[name])
	}
	return list
}
