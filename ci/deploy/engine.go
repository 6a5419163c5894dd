package deploy

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// enginePatience is how long a run that goes back waits for an engine that does not
// answer: one that is restarted stops its containers first and starts them afterwards.
const enginePatience = time.Minute

// awaitEngine waits until the engine answers.
func (r *run) awaitEngine(ctx context.Context) error {
	seconds := int(min(enginePatience, r.o.GateTimeout).Seconds())
	if _, err := r.script(ctx, "engine", "", strconv.Itoa(seconds)); err != nil {
		return fmt.Errorf("waiting for Docker on the host: %w", err)
	}
	return nil
}
