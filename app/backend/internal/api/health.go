package api

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Health knows whether this process should get new requests.
type Health struct {
	draining atomic.Bool
}

// Drain turns the process unready for good.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining tells whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

const pingTimeout = 2 * time.Second

// What a health operation answers as its status.
const (
	statusOK       = "ok"
	statusDraining = "draining"
	statusNoData   = "database unreachable"
)

type healthBody struct {
	Status  string `json:"status" example:"ok" doc:"ok, or why not"`
	Release string `json:"release" doc:"Commit that the image was built from"`
}

type healthOutput struct {
	Status int
	Body   healthBody
}

func (s *service) registerHealth(api huma.API) {
	live := huma.Operation{OperationID: "health-live", Method: http.MethodGet, Path: "/health/live", Tags: []string{"health"},
		Summary: "The process answers"}
	ready := huma.Operation{OperationID: "health-ready", Method: http.MethodGet, Path: "/health/ready", Tags: []string{"health"},
		Summary: "New requests are welcome", Errors: []int{http.StatusServiceUnavailable},
		Description: "503 without a database, and from SIGTERM on."}
	health := ready
	health.OperationID, health.Path, health.Summary = "health", "/health", "The same as ready"
	operation(api, live, s.live)
	operation(api, ready, s.ready)
	operation(api, health, s.ready)
}

func (s *service) live(context.Context, *struct{}) (*healthOutput, error) {
	return s.health(http.StatusOK, statusOK), nil
}

func (s *service) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	if s.Health.Draining() {
		return s.health(http.StatusServiceUnavailable, statusDraining), nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		s.Log.WarnContext(ctx, "not ready", "error", err)
		return s.health(http.StatusServiceUnavailable, statusNoData), nil
	}
	return s.health(http.StatusOK, statusOK), nil
}

func (s *service) health(code int, status string) *healthOutput {
	return &healthOutput{Status: code, Body: healthBody{Status: status, Release: s.Config.Release}}
}
