package gitserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"gitops/ci/secret"
)

// Serve serves the repositories in dir at listener until ctx ends.
func Serve(ctx context.Context, listener net.Listener, dir, user string, password secret.Value) error {
	handler, err := New(dir, user, password)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(grace)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving git: %w", err)
	}
	<-stopped
	return nil
}
