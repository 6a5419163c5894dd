package compose

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Advice is something that makes a deploy worse than it could be.
type Advice struct {
	Where   string // file:line:column
	Service string
	Text    string // what is missing, and what to write
}

// String returns the advice in one line.
func (a Advice) String() string { return a.Where + ": service " + a.Service + " " + a.Text }

// Advice returns what the manifest lacks for a deploy without a gap, sorted by
// service. Services that run once and end are left alone.
func (m *Manifest) Advice() (all []Advice) {
	for _, name := range m.Starts() {
		s := m.Project.Services[name]
		if m.ends(name, s) {
			continue
		}
		for _, text := range []string{adviceOfHealth(s), adviceOfDrain(s), adviceOfLimits(s)} {
			if text != "" {
				all = append(all, Advice{m.where("services", name), name, text})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Advice) int { return cmp.Compare(a.Service, b.Service) })
	return all
}

// ends reports whether a service is a job: others wait for its end, or it is not
// started again.
func (m *Manifest) ends(name string, s types.ServiceConfig) bool {
	for _, other := range m.Project.Services {
		if other.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return s.Restart == "no" || strings.HasPrefix(s.Restart, "on-failure")
}

func adviceOfHealth(s types.ServiceConfig) string {
	if s.HealthCheck != nil && !s.HealthCheck.Disable || s.HealthCheck == nil && isBuiltWithHealth(s.Build) {
		return ""
	}
	return "has no healthcheck in the manifest: without one, here or in its image, a deploy only sees that it runs, and not that it answers"
}

var healthLine = regexp.MustCompile(`(?im)^[ \t]*HEALTHCHECK[ \t]+(CMD|-)`)

// isBuiltWithHealth reports whether the Dockerfile of a build has a health check.
func isBuiltWithHealth(build *types.BuildConfig) bool {
	if build == nil {
		return false
	}
	text := []byte(build.DockerfileInline)
	if file := filepath.Join(build.Context, build.Dockerfile); len(text) == 0 {
		text, _ = os.ReadFile(file) // without it, the build says what is wrong
	}
	return healthLine.Match(text)
}

// adviceOfDrain is for services that requests reach.
func adviceOfDrain(s types.ServiceConfig) string {
	if s.StopGracePeriod != nil || len(s.PreStop) > 0 || !isReached(s) {
		return ""
	}
	return "takes requests and has no stop_grace_period: Docker kills it 10 seconds after the signal to stop, so give it the time of its longest request"
}

// isReached reports whether Traefik or a published port leads to a service.
func isReached(s types.ServiceConfig) bool {
	for name := range s.Labels {
		if kind, _, found := strings.Cut(strings.TrimPrefix(name, "traefik."), "."); found && strings.HasPrefix(name, "traefik.") && slices.Contains([]string{"http", "tcp", "udp"}, kind) {
			return true
		}
	}
	return len(s.Ports) > 0
}

func adviceOfLimits(s types.ServiceConfig) string {
	if s.MemLimit > 0 || s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.MemoryBytes > 0 {
		return ""
	}
	return "has no memory limit: give it deploy.resources.limits.memory, so that it cannot take the host's from the others"
}
