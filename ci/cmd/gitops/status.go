package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

// newPlaceCommand returns a command about the releases on the host.
func newPlaceCommand[R any](c *console, use, short string, stage func(context.Context, stages.PlaceOptions) (R, error), text func(R) string) *cobra.Command {
	var h hostFlags
	var o stages.PlaceOptions
	cmd := command(c, use, short, func(ctx context.Context) (r R, err error) {
		o.Output = c.stage
		if o.Host, err = h.options(); err != nil {
			return r, err
		}
		return stage(ctx, o)
	}, text)
	h.add(cmd.Flags())
	addPlace(cmd.Flags(), &o.Place)
	return cmd
}

func newStatus(c *console) *cobra.Command {
	var hosts stages.HostsOptions
	cmd := newPlaceCommand(c, "status", "Show what runs on the host, its releases and its last receipt",
		func(ctx context.Context, o stages.PlaceOptions) (stages.HostsResult[stages.StatusResult], error) {
			return stages.StatusHosts(ctx, o, hosts)
		}, hostsText(statusText))
	addParallel(cmd.Flags(), &hosts)
	return cmd
}

func newUnlock(c *console) *cobra.Command {
	return newPlaceCommand(c, "unlock", "Remove the deploy lock of the host by hand", stages.Unlock, unlockText)
}

func statusText(r stages.StatusResult) string {
	lines := []string{fmt.Sprintf("%s in %s, current release %s", r.Project, r.Dir, cmp.Or(r.Current, "none"))}
	for _, s := range r.Services {
		lines = append(lines, fmt.Sprintf("  %-14s %-10s %-10s %s", s.Service, s.State, cmp.Or(s.Health, s.Node), s.Ref))
	}
	for _, difference := range r.Differences {
		lines = append(lines, "  not as in the current release: "+difference)
	}
	for _, release := range r.Releases {
		line := fmt.Sprintf("  release %s by %s", release.Name, release.Actor)
		if release.Name == r.Current {
			line += ", current"
		}
		lines = append(lines, line)
	}
	if r.Lock != nil {
		lines = append(lines, "  locked: "+r.Lock.String())
	}
	if r.DiskFree > 0 {
		lines = append(lines, fmt.Sprintf("  disk: %.1f GB free", float64(r.DiskFree)/1e9))
	}
	if r.Compose != "" {
		lines = append(lines, "  by hand, with the manifest's variables in the environment: "+r.Compose+" COMMAND")
	}
	if r.Last != nil {
		lines = append(lines, fmt.Sprintf("  last: %s %s: %s", r.Last.Kind, r.Last.Release, r.Last.Outcome))
	}
	return strings.Join(lines, "\n")
}

func unlockText(r stages.UnlockResult) string {
	if r.Removed == nil {
		return "there was no lock"
	}
	return fmt.Sprintf("lock of %s removed", r.Removed.Owner)
}
