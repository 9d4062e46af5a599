package e2e

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"eclipse/internal/fakeapi"
)

var (
	readyAddress = regexp.MustCompile(`"msg":"ready","address":"([^"]+)"`)
	readyMetrics = regexp.MustCompile(`"msg":"ready","address":"[^"]+","metrics":"([^"]+)"`)
)

// freePort is a port that nobody uses now; production refuses port 0.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// production starts an instance as production runs it, but for the address.
func (w *world) production() (r *Router, env []string) {
	w.t.Helper()
	env = []string{
		"NODE_ENV=production", "HOST=127.0.0.1", "METRICS_HOST=127.0.0.1", "PORT=" + freePort(w.t), "METRICS_PORT=0",
		"JWT_SECRET=" + jwtSecret, "INTERNAL_API_SECRET=" + apiSecret,
		"NEXT_API_URL=" + w.api.URL, "REDIS_URL=" + w.redis.URL(),
	}
	r = &Router{process: start(w.t, env)}
	eventually(w.t, "the router is ready", func() bool { return r.output.find(readyAddress) != "" || !r.alive() })
	if !r.alive() {
		w.t.Fatalf("the router did not start:\n%s", r.output.String())
	}
	r.URL = "http://" + r.output.find(readyAddress)
	r.MetricsURL = "http://" + r.output.find(readyMetrics) + "/metrics"
	return r, env
}

func TestProduction(t *testing.T) {
	t.Parallel()
	r, env := newWorld(t, fakeapi.Batch).production()
	for _, path := range []string{"/", "/health"} {
		status, header, body := get(t, r.URL+path)
		equal(t, "status of "+path, status, http.StatusOK)
		equal(t, "CORS of "+path, header.Get("Access-Control-Allow-Origin"), "*")
		if !strings.Contains(body, `"status":"healthy"`) {
			t.Errorf("GET %s answers %s", path, body)
		}
	}
	for _, path := range []string{"/agents", "/demo", "/index.html", "/api/token", "/api/chats", "/metrics", "/debug/pprof/"} {
		status, _, _ := get(t, r.URL+path)
		equal(t, "status of "+path, status, http.StatusNotFound)
	}
	equal(t, "the version on /metrics", r.metric(`build_info{version="e2e-1.2.3"}`), 1)
	c := r.old(t, newChat(), "user_1")
	c.say(words("in production"))
	c.has(words("in production"))

	code, output := run(t, env, "-healthcheck")
	equal(t, "exit code of -healthcheck", code, 0)
	equal(t, "output of -healthcheck", output, "")
	r.Kill()
	code, _ = run(t, env, "-healthcheck")
	equal(t, "exit code of -healthcheck without a router", code, 1)
}

// TestProductionRefusesToStart looks for every fault by name, and for no value of a secret.
func TestProductionRefusesToStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env   []string
		names []string
	}{
		"nothing set": {nil, []string{"JWT_SECRET", "INTERNAL_API_SECRET", "NEXT_API_URL", "REDIS_URL"}},
		"placeholders": {
			[]string{"JWT_SECRET=your-jwt-secret-that-is-quite-long-enough", "INTERNAL_API_SECRET=your-internal-secret-that-is-long", "NEXT_API_URL=https://your-app.example.com", "REDIS_URL=redis://127.0.0.1:1"},
			[]string{"JWT_SECRET", "INTERNAL_API_SECRET", "NEXT_API_URL"},
		},
		"short": {
			[]string{"JWT_SECRET=short-one", "INTERNAL_API_SECRET=short-two", "NEXT_API_URL=http://127.0.0.1:1", "REDIS_URL=redis://127.0.0.1:1"},
			[]string{"JWT_SECRET", "INTERNAL_API_SECRET"},
		},
		"odd values": {
			[]string{"JWT_SECRET=" + jwtSecret, "INTERNAL_API_SECRET=" + apiSecret, "NEXT_API_URL=http://127.0.0.1:1", "REDIS_URL=redis://127.0.0.1:1", "PORT=many", "DRAIN_TIMEOUT=-1s", "LOG_LEVEL=loud"},
			[]string{"PORT", "DRAIN_TIMEOUT", "LOG_LEVEL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, output := run(t, append([]string{"NODE_ENV=production", "HOST=127.0.0.1", "METRICS_HOST=127.0.0.1"}, c.env...))
			equal(t, "exit code", code, 2)
			var named []string
			for line := range strings.Lines(output) {
				first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				named = append(named, first)
			}
			for _, want := range c.names {
				if !strings.Contains(fmt.Sprint(named), want) {
					t.Errorf("%s is not named in\n%s", want, output)
				}
			}
			for _, secret := range []string{"short-one", "short-two", "your-jwt", "your-internal"} {
				if strings.Contains(output, secret) {
					t.Errorf("a secret is printed: %s", output)
				}
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	code, output := run(t, nil, "-version")
	equal(t, "exit code of -version", code, 0)
	equal(t, "output of -version", output, "eclipse e2e-1.2.3\n")
	code, output = run(t, nil, "-help")
	equal(t, "exit code of -help", code, 0)
	for _, word := range []string{"-healthcheck", "-version", "JWT_SECRET", "DRAIN_TIMEOUT", "REDIS_URL"} {
		if !strings.Contains(output, word) {
			t.Errorf("-help does not tell of %s", word)
		}
	}
	code, _ = run(t, nil, "-nonsense")
	equal(t, "exit code of an unknown flag", code, 2)
}
