package deploy

import (
	"context"
	"slices"
	"strings"
)

// makeCurrent writes down what the target runs and makes it the current release.
func (r *run) makeCurrent(ctx context.Context) error {
	after, err := r.remote.state(ctx)
	if err != nil {
		return err
	}
	services := after.Services
	r.receipt.DiskFree = [2]int64{r.state.DiskFree, after.DiskFree}
	r.receipt.Services = changes(r.state.Services, services)
	for i := range r.receipt.Services {
		r.receipt.Services[i].roll(r.receipt.Plan)
	}
	r.receipt.Outcome = Deployed
	if !touched(r.receipt.Services) {
		r.receipt.Outcome = Unchanged
	}
	if r.target.release == r.state.Current && r.receipt.Outcome == Unchanged {
		return nil
	}
	if r.state.release(r.target.release) == nil || r.receipt.Kind == KindDeploy {
		err = r.writeRelease(ctx, services)
	}
	if err == nil {
		_, err = r.script(ctx, "switch", "", r.target.release)
	}
	return err
}

// prune removes old releases and the images that only they needed. If it fails, the
// deploy succeeds with a warning.
func (r *run) prune(ctx context.Context) {
	if r.receipt.Outcome == Unchanged && r.target.release == r.state.Current && len(r.state.Releases) <= r.o.Keep && len(r.state.unfinished) == 0 {
		return
	}
	err := r.step(ctx, "prune", func(ctx context.Context) error {
		state, err := r.remote.state(ctx)
		if err != nil {
			return err
		}
		if r.onSwarm() {
			r.tidySwarm(ctx, r.target)
		}
		if things := state.superfluous(r.o.Keep); len(things) > 0 {
			_, err = r.script(ctx, "prune", "", things...)
		}
		return err
	})
	if err != nil {
		r.warn("pruning old releases: %v", err)
	}
}

// superfluous returns what prune.sh removes to leave keep releases: other
// releases, unfinished ones, files that nothing kept needs, and images that we pulled
// and nothing kept needs.
func (s *State) superfluous(keep int) []string {
	var things, needed []string
	used := map[string]bool{}
	for i, release := range s.Releases {
		if i < len(s.Releases)-keep && release.Name != s.Current {
			things = append(things, "release:"+release.Name)
			continue
		}
		for _, image := range release.Images {
			needed = append(needed, image.Ref, image.Digest)
		}
		for _, place := range release.Files {
			sum, _, _ := strings.Cut(place, "/")
			used[sum] = true
		}
	}
	for _, name := range s.unfinished {
		things = append(things, "release:"+name)
	}
	for _, service := range s.Services {
		needed = append(needed, service.Ref, service.Digest)
	}
	for _, sum := range s.files {
		if !used[sum] {
			things = append(things, "file:"+sum)
		}
	}
	for i := range needed {
		needed[i] = canonical(needed[i])
	}
	for _, ref := range s.ledger {
		if !slices.Contains(needed, canonical(ref)) {
			things = append(things, "image:"+ref)
		}
	}
	return things
}
