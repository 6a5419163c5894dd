package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newCollections(c *console) *cobra.Command {
	var o stages.CollectionsOptions
	cmd := command(c, "collections", "Install the collections that the playbook's requirements.yml names",
		func(ctx context.Context) (stages.CollectionsResult, error) {
			o.Output = c.stage
			return stages.Collections(ctx, o)
		}, collectionsText)
	cmd.Flags().StringVar(&o.Dir, "ansible-dir", defaultAnsible, "folder of the playbook")
	cmd.Flags().StringVar(&o.Out, "out", "", "folder to install them into, for ANSIBLE_COLLECTIONS_PATH")
	return cmd
}

func collectionsText(r stages.CollectionsResult) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(r.Collections)) {
		lines = append(lines, fmt.Sprintf("%s %s", name, r.Collections[name]))
	}
	return strings.Join(lines, "\n")
}
