package infra

import (
	"context"
	"encoding/json"
	"fmt"
)

// Lineage returns the identity of the state, which Terraform gives it once; empty
// before the first apply.
func (w *Workspace) Lineage(ctx context.Context) (string, error) {
	var text string
	err := w.tf.run(ctx, "reading the state", w.progress, func() (err error) {
		text, err = w.tf.StatePull(ctx)
		return err
	})
	if err != nil || text == "" {
		return "", err
	}
	var state struct {
		Lineage string `json:"lineage"`
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return "", fmt.Errorf("reading the state: %w", err)
	}
	return state.Lineage, nil
}
