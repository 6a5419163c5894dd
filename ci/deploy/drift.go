package deploy

import (
	"context"
	"fmt"

	"gitops/ci/compose"
)

// Kinds of drift between a manifest and what runs.
const (
	DriftImage     = "image"     // another image runs
	DriftMissing   = "missing"   // the service has no container
	DriftStopped   = "stopped"   // its container does not run
	DriftUnhealthy = "unhealthy" // it runs, and its health check fails
	DriftExtra     = "extra"     // a service runs that the manifest does not have
)

// Finding is one difference between the manifest and what runs.
type Finding struct {
	Service string `json:"service"`
	Kind    string `json:"kind"`
	// Want is what the manifest says, Have what was found.
	Want string `json:"want,omitempty"`
	Have string `json:"have,omitempty"`
}

func (f Finding) String() string {
	switch f.Kind {
	case DriftImage:
		return fmt.Sprintf("%s runs %s, the manifest says %s", f.Service, f.Have, f.Want)
	case DriftMissing:
		return f.Service + " has no container"
	case DriftExtra:
		return fmt.Sprintf("%s runs %s and is not in the manifest", f.Service, f.Have)
	}
	return fmt.Sprintf("%s is %s", f.Service, f.Have)
}

// Drift is how what runs differs from a manifest.
type Drift struct {
	Findings []Finding `json:"findings"`
}

// Running compares what runs with a manifest, read with the inputs of a deploy but for
// the files of containers, which are not looked at. A variable without a value is no
// mistake: an image that it is part of is not compared.
func Running(ctx context.Context, h Host, p Place, s compose.Source) (Drift, error) {
	s.AnyValue, s.FilesElsewhere = true, true
	manifest, err := compose.Load(ctx, s)
	if err != nil {
		return Drift{}, err
	}
	m, err := reach(ctx, h, p)
	if err != nil {
		return Drift{}, err
	}
	services, err := m.containers(ctx)
	if err != nil {
		return Drift{}, err
	}
	return compare(manifest, services), nil
}

func compare(manifest *compose.Manifest, services []Service) Drift {
	d := Drift{Findings: []Finding{}}
	for _, name := range manifest.Starts() {
		found := false
		for _, s := range services {
			if s.Service == name {
				found = true
				want, known := manifest.Image(name)
				d.add(s, want, known)
			}
		}
		if !found {
			d.Findings = append(d.Findings, Finding{Service: name, Kind: DriftMissing, Want: manifest.WrittenImage(name)})
		}
	}
	for _, s := range services {
		// A service behind a profile may have been started on purpose.
		if !manifest.Has(s.Service) {
			d.Findings = append(d.Findings, Finding{Service: s.Service, Kind: DriftExtra, Have: s.Ref})
		}
	}
	return d
}

// add compares one container with the image that the manifest names, if that is
// known.
func (d *Drift) add(s Service, want string, known bool) {
	switch {
	case known && !s.runs(want):
		have := s.Ref
		if have == want {
			have = s.Digest // the tag is right, what it names is not
		}
		d.Findings = append(d.Findings, Finding{Service: s.Service, Kind: DriftImage, Want: want, Have: have})
	case s.State != "running" && !s.finished():
		d.Findings = append(d.Findings, Finding{Service: s.Service, Kind: DriftStopped, Want: "running", Have: s.State})
	case s.Health == "unhealthy":
		d.Findings = append(d.Findings, Finding{Service: s.Service, Kind: DriftUnhealthy, Want: "healthy", Have: s.Health})
	}
}

// runs reports whether the container runs the image want. Where want has a digest,
// that decides, and not the tag: a deploy leaves a container alone when only the tag
// of its image moved.
func (s Service) runs(want string) bool {
	digest := digestIn(want)
	if digest == "" {
		return s.Ref == want
	}
	return repositoryOf(s.Ref) == repositoryOf(want) && digestIn(s.Digest) == digest
}
