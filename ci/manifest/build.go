package manifest

import "fmt"

// Build is a service that is built. BuildServices returns it as the manifest
// writes it, Builds as it is to be done.
type Build struct {
	Service string
	// Image is the ref that runs now; from BuildServices it is empty when the
	// service has none.
	Image string
	// Context is the folder that is built: relative to the manifest's folder from
	// BuildServices ("." when not given), to the repository's root from Builds.
	Context    string
	Dockerfile string // relative to Context; empty means Dockerfile
	Target     string // the Dockerfile's stage; empty means the last one
	Platforms  []string
	// Args are the build arguments: all of them from Builds. From BuildServices
	// they are as written; NAME that compose takes from the environment is ${NAME}.
	Args map[string]string
	// Line and Column say where the build section stands, both from 1; 0 when
	// there is none.
	Line, Column int
}

// String names the build for progress and errors.
func (b Build) String() string { return fmt.Sprintf("%s from %s", b.Service, b.Context) }

// BuildServices returns the services that have a build section, in order of
// their names. Aliases, merge keys and extends within the file are followed.
func BuildServices(text []byte) ([]Build, error) {
	m, err := parse(text, "manifest")
	if err != nil {
		return nil, err
	}
	var builds []Build
	for _, name := range sortedKeys(m.services()) {
		s, err := m.section(name)
		if err != nil {
			return nil, err
		}
		if s.node == nil {
			continue
		}
		r, err := s.recipe(name)
		if err != nil {
			return nil, err
		}
		build := r.asWritten()
		if image, err := m.imageOf(name); err == nil {
			build.Image = image.ref()
		}
		builds = append(builds, build)
	}
	return builds, nil
}
