package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"backend/internal/auth"
	"backend/internal/store"
	"backend/internal/web"

	"github.com/danielgtaylor/huma/v2"
)

const (
	loginPath      = "/login/access-token"
	securityScheme = "password"
)

// loginBrakes slow down guessing: tightly for one account from one address, loosely for all from one address.
// No brake counts an account over all addresses, or strangers could lock its owner out.
type loginBrakes struct {
	account, address *auth.Throttle
}

func newLoginBrakes() loginBrakes {
	return loginBrakes{account: auth.NewThrottle(5, 12*time.Second), address: auth.NewThrottle(50, 2*time.Second)}
}

type loginInput struct {
	Body struct {
		_         struct{} `json:"-" additionalProperties:"true"`
		GrantType string   `json:"grant_type,omitempty" enum:"password" doc:"As OAuth2 has it"`
		Username  string   `json:"username" minLength:"1" maxLength:"254" doc:"E-mail address"`
		Password  string   `json:"password" minLength:"1" maxLength:"128" format:"password"`
	} `contentType:"application/x-www-form-urlencoded"`
}

type tokenOutput struct {
	Body struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type" example:"bearer"`
	}
}

func (s *service) registerLogin(api huma.API) {
	operation(api, huma.Operation{
		OperationID: "login", Method: http.MethodPost, Path: loginPath, Tags: []string{"login"},
		Summary: "Exchange e-mail address and password for an access token",
		Errors:  []int{http.StatusUnauthorized, http.StatusTooManyRequests},
	}, s.login)
}

func (s *service) login(ctx context.Context, in *loginInput) (*tokenOutput, error) {
	address := web.ClientAddress(ctx)
	account := address + " " + strings.ToLower(in.Body.Username)
	if wait, ok := s.brakes.take(account, address); !ok {
		s.outcome("throttled")
		header := http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()) + 1)}}
		return nil, huma.ErrorWithHeaders(huma.Error429TooManyRequests("too many attempts, try again later"), header)
	}
	user, err := s.checkPassword(ctx, in.Body.Username, in.Body.Password)
	if errors.Is(err, store.ErrNotFound) {
		s.outcome("refused")
		return nil, unauthorized("wrong e-mail address or password")
	}
	s.brakes.giveBack(account, address)
	if err != nil {
		return nil, s.problem(ctx, err, "user")
	}
	token, err := s.tokens.Issue(user.ID, time.Now())
	if err != nil {
		return nil, s.problem(ctx, err, "token")
	}
	s.outcome("ok")
	out := &tokenOutput{}
	out.Body.AccessToken, out.Body.TokenType = token, "bearer"
	return out, nil
}

// checkPassword returns the active user with this password; ErrNotFound, after the same time, whatever part is wrong.
func (s *service) checkPassword(ctx context.Context, email, password string) (store.User, error) {
	user, err := s.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.User{}, err
	}
	match, err := s.Hasher.Check(ctx, password, user.PasswordHash)
	if err != nil {
		return store.User{}, err
	}
	if !match || !user.IsActive {
		return store.User{}, store.ErrNotFound
	}
	return user, nil
}

func (s *service) outcome(o string) {
	if s.LoginOutcome != nil {
		s.LoginOutcome(o)
	}
}

func (b loginBrakes) take(account, address string) (time.Duration, bool) {
	now := time.Now()
	if wait, ok := b.address.Take(address, now); !ok {
		return wait, false
	}
	return b.account.Take(account, now)
}

func (b loginBrakes) giveBack(account, address string) {
	now := time.Now()
	b.address.GiveBack(address, now)
	b.account.GiveBack(account, now)
}
