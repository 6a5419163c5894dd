package api

import (
	"context"
	"errors"
	"net/http"

	"backend/internal/store"

	"github.com/danielgtaylor/huma/v2"
)

// problem turns an error of the store into what the client may know of it; the rest goes to the log.
func (s *service) problem(ctx context.Context, err error, what string) huma.StatusError {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return huma.Error404NotFound(what + " not found")
	case errors.Is(err, store.ErrTaken):
		return huma.Error409Conflict(what + " already exists")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		s.Log.WarnContext(ctx, "request ran out of time", "error", err)
		return huma.Error503ServiceUnavailable("took too long, try again")
	}
	s.Log.ErrorContext(ctx, "request failed", "error", err)
	return huma.Error500InternalServerError("something went wrong here")
}

func unauthorized(why string) error {
	header := http.Header{"Www-Authenticate": {"Bearer"}}
	return huma.ErrorWithHeaders(huma.Error401Unauthorized(why), header)
}
