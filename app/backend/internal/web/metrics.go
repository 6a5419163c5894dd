package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the process's own numbers: rate, errors and duration of requests, logins, the database pool.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	logins   *prometheus.CounterVec
}

// NewMetrics registers everything under a release.
func NewMetrics(release string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered."}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time until the answer was complete.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests being answered."}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "login_attempts_total", Help: "Logins by outcome: ok, refused, throttled."}, []string{"outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "app_build_info", Help: "Always 1; the label names the release.", ConstLabels: prometheus.Labels{"release": release}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.logins, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []string{"ok", "refused", "throttled"} {
		m.logins.WithLabelValues(outcome)
	}
	return m
}

// Handler serves the numbers to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Login counts a login.
func (m *Metrics) Login(outcome string) { m.logins.WithLabelValues(outcome).Inc() }

// WatchPool adds the state of a database pool.
func (m *Metrics) WatchPool(stat func() *pgxpool.Stat) {
	for _, g := range []struct {
		name, help string
		value      func(*pgxpool.Stat) int32
	}{
		{"db_pool_connections", "Open connections.", (*pgxpool.Stat).TotalConns},
		{"db_pool_connections_in_use", "Connections that a request holds.", (*pgxpool.Stat).AcquiredConns},
		{"db_pool_connections_max", "Most connections that there may be.", (*pgxpool.Stat).MaxConns},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.value(stat())) }))
	}
}

var knownMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// observe labels by route and known method only, so that strangers cannot grow the number of series.
func (m *Metrics) observe(r *http.Request, status int, took time.Duration) {
	method := r.Method
	if !slices.Contains(knownMethods, method) {
		method = "other"
	}
	route := r.Pattern
	if _, path, found := strings.Cut(route, " "); found {
		route = path
	}
	if route == "" {
		route = "unmatched"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, route).Observe(took.Seconds())
}
