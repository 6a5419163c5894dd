package api

import (
	"context"
	"net/http"
	"time"

	"backend/internal/store"

	"github.com/danielgtaylor/huma/v2"
)

type userBody struct {
	ID          string    `json:"id" format:"uuid"`
	Email       string    `json:"email" format:"email"`
	FullName    string    `json:"full_name"`
	IsSuperuser bool      `json:"is_superuser"`
	IsActive    bool      `json:"is_active"`
	CreatedAt   time.Time `json:"created_at"`
}

type userOutput struct {
	Body userBody
}

type newUserInput struct {
	Body struct {
		Email       string `json:"email" format:"email" maxLength:"254"`
		Password    string `json:"password" minLength:"8" maxLength:"128" format:"password"`
		FullName    string `json:"full_name,omitempty" maxLength:"255"`
		IsSuperuser bool   `json:"is_superuser,omitempty"`
	}
}

func (s *service) registerUsers(api huma.API) {
	operation(api, huma.Operation{
		OperationID: "read-me", Method: http.MethodGet, Path: "/users/me", Tags: []string{"users"}, Summary: "Who is signed in",
	}, s.readMe)
	operation(api, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/users", Tags: []string{"users"},
		Summary: "Make an account, as a superuser", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusForbidden, http.StatusConflict},
	}, s.createUser)
}

func (s *service) readMe(ctx context.Context, _ *struct{}) (*userOutput, error) {
	return &userOutput{Body: showUser(currentUser(ctx))}, nil
}

func (s *service) createUser(ctx context.Context, in *newUserInput) (*userOutput, error) {
	if !currentUser(ctx).IsSuperuser {
		return nil, huma.Error403Forbidden("only superusers make accounts")
	}
	hash, err := s.Hasher.Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, s.problem(ctx, err, "user")
	}
	user, err := s.Store.CreateUser(ctx, store.User{
		Email: in.Body.Email, FullName: in.Body.FullName, PasswordHash: hash, IsSuperuser: in.Body.IsSuperuser,
	})
	if err != nil {
		return nil, s.problem(ctx, err, "user")
	}
	return &userOutput{Body: showUser(user)}, nil
}

func showUser(u store.User) userBody {
	return userBody{ID: u.ID, Email: u.Email, FullName: u.FullName, IsSuperuser: u.IsSuperuser, IsActive: u.IsActive, CreatedAt: u.CreatedAt}
}
