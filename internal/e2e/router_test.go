package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Router is a running router.
type Router struct {
	*process
	URL        string // http://127.0.0.1:port
	MetricsURL string // of /metrics
}

var (
	healthLine  = regexp.MustCompile(`Health +(http://[\d.:]+)/health`)
	metricsLine = regexp.MustCompile(`Metrics +(http://[\d.:]+/metrics)`)
)

// startRouter starts a router in development mode; env adds to the environment and wins.
func startRouter(t testing.TB, env ...string) *Router {
	t.Helper()
	base := []string{
		"PORT=0", "METRICS_PORT=0", "LOG_LEVEL=debug", "JWT_SECRET=" + jwtSecret, "INTERNAL_API_SECRET=" + apiSecret,
		"TRUST_FLY_CLIENT_IP=true", "DRAIN_TIMEOUT=4s", "RATE_LIMIT=0",
	}
	r := &Router{process: start(t, append(base, env...))}
	eventually(t, "the router prints where it listens", func() bool {
		r.MetricsURL = r.output.find(metricsLine)
		return r.MetricsURL != "" || !r.alive()
	})
	if r.URL = r.output.find(healthLine); r.URL == "" {
		t.Fatalf("the router did not start:\n%s", r.output.String())
	}
	return r
}

// client keeps no connection, so that nothing of a test outlives it.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// get returns a page's status, header and body.
func get(t testing.TB, url string) (int, http.Header, string) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// health is GET /health, which always answers 200.
func (r *Router) health() frame {
	r.t.Helper()
	status, _, body := get(r.t, r.URL+"/health")
	equal(r.t, "status of /health", status, http.StatusOK)
	var page frame
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		r.t.Fatalf("/health: %v", err)
	}
	return page
}

// metric is one series of ours, such as closes_total{code="4001"}; 0 when it is not there.
func (r *Router) metric(series string) float64 {
	r.t.Helper()
	_, _, page := get(r.t, r.MetricsURL)
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, "eclipse_"+series+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				r.t.Fatalf("metric %s: %v", series, err)
			}
			return n
		}
	}
	return 0
}

// reaches waits until a metric has at least a value.
func (r *Router) reaches(series string, least float64) {
	r.t.Helper()
	eventually(r.t, series+" reaches "+strconv.FormatFloat(least, 'f', -1, 64), func() bool { return r.metric(series) >= least })
}
