package deploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

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
	// Differences say how what runs differs from the current release.
	Differences []string `json:"differences,omitempty"`
	// Lock is the deploy that is going on, if one is.
	Lock *Lock `json:"lock,omitempty"`
	// Last is the newest receipt.
	Last *Receipt `json:"last,omitempty"`
	// Compose is the command that runs docker compose on the current release by hand,
	// to be followed by its own command, such as ps or up --detach. The values of the
	// manifest's variables come from the environment.
	Compose string `json:"compose,omitempty"`
	// DiskFree is how many bytes Docker's disk has free; 0 when it is not known.
	DiskFree int64 `json:"diskFree,omitempty"`

	unfinished []string
	ledger     []string
	files      []string // hashes of what containers use
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
	list := "containers"
	if m.onSwarm() {
		list = "swarm-tasks"
	}
	said, err := m.scripts(ctx, call{name: "read"}, call{name: list})
	if err != nil {
		return State{}, fmt.Errorf("reading %s on the host: %w", m.Dir, err)
	}
	return m.stateOf(said)
}

// stateOf reads what read.sh and containers.sh wrote.
func (m *remote) stateOf(said map[string]string) (State, error) {
	state, err := parseState(said["read"])
	if err != nil {
		return State{}, fmt.Errorf("reading %s on the host: %w", m.Dir, err)
	}
	state.Dir, state.Project = m.Dir, m.Project
	if m.onSwarm() {
		now, err := parseSwarm(said["swarm-tasks"], m.Project)
		state.Services, state.now = now.list(), now.now
		return state, err
	}
	if release := state.release(state.Current); release != nil && len(release.Manifests) > 0 {
		folder := m.folder(release.Name)
		state.Compose = release.in(folder).with(path.Join(folder, overrideFile)).command(m.Project)
	}
	state.Services, state.now, err = parseContainers(said["containers"])
	state.Differences = state.differences()
	return state, err
}

// differences compares what runs with the images of the current release. A container of
// an earlier release stays where its service did not change.
func (s *State) differences() (all []string) {
	release, ran := s.release(s.Current), map[string]Image{}
	if release != nil {
		for _, image := range release.Images {
			if ran[image.Service] = image; !slices.ContainsFunc(s.Services, func(one Service) bool { return one.Service == image.Service }) {
				all = append(all, image.Service+" has no container")
			}
		}
	}
	for _, one := range s.Services {
		image, known := ran[one.Service]
		by, _, _ := strings.Cut(one.file, ",")
		switch {
		case by != "" && !strings.HasPrefix(by, s.Dir+"/"):
			all = append(all, fmt.Sprintf("%s was started from %s", one.Container, by))
		case !known:
			all = append(all, fmt.Sprintf("%s runs %s, and the release does not have the service", one.Container, one.Ref))
		case one.ID != image.ID && (one.Digest == "" || one.Digest != image.Digest):
			all = append(all, fmt.Sprintf("%s runs %s, and the release %s", one.Container, one.Ref, image.Ref))
		case one.stopped() && !one.finished():
			all = append(all, fmt.Sprintf("%s is %s", one.Container, one.State))
		}
	}
	return all
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
	case "disk":
		s.DiskFree, _ = strconv.ParseInt(words[0], 10, 64)
		return nil
	case "file":
		s.files = append(s.files, words[0])
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
			return nil //nolint:nilerr // a release that a killed run left
		}
		release.Name = words[0]
		s.Releases = append(s.Releases, release)
	case "receipt":
		// A receipt that cannot be read does not stop a deploy.
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
