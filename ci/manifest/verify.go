package manifest

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// verify parses the rewritten text and compares it with m, node by node: only
// the edited scalars may differ, and they must hold their new refs.
func (m *Document) verify(rewritten []byte, edits []edit) error {
	nodes, err := decode(rewritten)
	if err != nil {
		return fmt.Errorf("checking the rewritten manifest, nothing was written: %w", err)
	}
	after := roots(nodes)
	want := map[*yaml.Node]string{}
	for _, e := range edits {
		want[e.site.node] = e.ref + e.site.ending()
	}
	if len(m.roots) != len(after) {
		return fmt.Errorf("checking the rewritten manifest, nothing was written: it would have %d documents instead of %d",
			len(after), len(m.roots))
	}
	for i := range m.roots {
		if err := same(m.roots[i], after[i], want); err != nil {
			return fmt.Errorf("checking the rewritten manifest, nothing was written: %s: %w", m.file, err)
		}
	}
	return nil
}

// same compares two trees that must be equal but for the edited scalars, whose
// values are wanted. Aliases are compared by name: what they stand for is
// compared where it stands.
func same(before, after *yaml.Node, want map[*yaml.Node]string) error {
	value, style := before.Value, before.Style
	if edited, ok := want[before]; ok {
		value, style = edited, after.Style
	}
	if before.Kind != after.Kind || style != after.Style || before.Tag != after.Tag || value != after.Value ||
		before.Anchor != after.Anchor || len(before.Content) != len(after.Content) || before.Line != after.Line ||
		before.HeadComment != after.HeadComment || before.LineComment != after.LineComment || before.FootComment != after.FootComment {
		return fmt.Errorf("%d:%d would change from %q to %q", before.Line, before.Column, before.Value, after.Value)
	}
	for i := range before.Content {
		if err := same(before.Content[i], after.Content[i], want); err != nil {
			return err
		}
	}
	return nil
}
