package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"backend/internal/store"

	"github.com/danielgtaylor/huma/v2"
)

type userKey struct{}

// authenticate lets a request through that carries the token of an active user.
func (s *service) authenticate(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		user, err := s.bearer(ctx.Context(), ctx.Header("Authorization"))
		switch {
		case err == nil:
			next(huma.WithValue(ctx, userKey{}, user))
		case errors.Is(err, errNoUser):
			ctx.SetHeader("WWW-Authenticate", "Bearer")
			_ = huma.WriteErr(api, ctx, http.StatusUnauthorized, "sign in first") // the client has gone
		default:
			problem := s.problem(ctx.Context(), err, "user")
			_ = huma.WriteErr(api, ctx, problem.GetStatus(), problem.Error())
		}
	}
}

var errNoUser = errors.New("no user is signed in")

func (s *service) bearer(ctx context.Context, header string) (store.User, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return store.User{}, errNoUser
	}
	id, err := s.tokens.Subject(token)
	if err != nil {
		return store.User{}, errNoUser
	}
	user, err := s.Store.UserByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) || (err == nil && !user.IsActive) {
		return store.User{}, errNoUser
	}
	return user, err
}

// currentUser is the user that authenticate let in.
func currentUser(ctx context.Context) store.User {
	user, _ := ctx.Value(userKey{}).(store.User)
	return user
}

// scope is what the current user may see.
func scope(ctx context.Context) store.Scope {
	if user := currentUser(ctx); !user.IsSuperuser {
		return store.OwnedBy(user.ID)
	}
	return store.Everyone()
}
