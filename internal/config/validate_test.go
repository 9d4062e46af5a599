package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// show encodes a Config, secrets redacted.
func show(c Config) string {
	text, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestFaults(t *testing.T) {
	long := strings.Repeat("k", 32)
	for _, c := range []struct {
		name    string
		environ []string
		want    string // names of the faults, in order
	}{
		{"nothing in development", nil, ""},
		{"nothing in production", []string{"NODE_ENV=production"}, "JWT_SECRET INTERNAL_API_SECRET NEXT_API_URL REDIS_URL"},
		{"whole production", production(), ""},
		{"unknown NODE_ENV", []string{"NODE_ENV=prod"}, "NODE_ENV"},
		{"port too high", []string{"PORT=65536"}, "PORT"},
		{"same ports", []string{"PORT=9091"}, "METRICS_PORT"},
		{"any two ports", []string{"PORT=0", "METRICS_PORT=0"}, ""},
		{"any port in production", production("PORT=0"), "PORT"},
		{"host with port", []string{"HOST=http://a"}, "HOST"},
		{"host in brackets", []string{"METRICS_HOST=[::]"}, "METRICS_HOST"},
		{"blank data directory", []string{"DATA_DIR= "}, "DATA_DIR"},

		{"short secret in development", []string{"JWT_SECRET=dev"}, ""},
		{"short secret in production", production("JWT_SECRET=" + long[1:]), "JWT_SECRET"},
		{"32 bytes", production("JWT_SECRET=" + long), ""},
		{"short previous secret", production("JWT_SECRET_PREVIOUS=dev"), "JWT_SECRET_PREVIOUS"},
		{"placeholder in development", []string{"JWT_SECRET=your-secret-key"}, "JWT_SECRET"},
		{"placeholder, shouted", production("INTERNAL_API_SECRET=CHANGEME" + long), "INTERNAL_API_SECRET"},
		{"placeholder in brackets", production("JWT_SECRET=<paste the secret of the app here, please>"), "JWT_SECRET"},
		{"line break", production("JWT_SECRET=" + long + "\n"), "JWT_SECRET"},
		{"one secret for two", []string{"JWT_SECRET=" + long, "INTERNAL_API_SECRET=" + long}, "INTERNAL_API_SECRET"},
		{"previous is current", production("JWT_SECRET_PREVIOUS=" + secretA), "JWT_SECRET_PREVIOUS"},

		{"API without secret", []string{"NEXT_API_URL=http://localhost:3000"}, "INTERNAL_API_SECRET"},
		{"API with secret", []string{"NEXT_API_URL=http://localhost:3000/base/", "INTERNAL_API_SECRET=" + long}, ""},
		{"API of another scheme", production("NEXT_API_URL=file:///etc"), "NEXT_API_URL"},
		{"API without scheme", production("NEXT_API_URL=app.test"), "NEXT_API_URL"},
		{"API without host", production("NEXT_API_URL=https://:443"), "NEXT_API_URL"},
		{"API that walks", production("NEXT_API_URL=https://a.test/x/../y"), "NEXT_API_URL"},
		{"API that walks, escaped", production("NEXT_API_URL=https://a.test/x/%2e%2e/y"), "NEXT_API_URL"},
		{"API with user", production("NEXT_API_URL=https://u:p@a.test"), "NEXT_API_URL"},
		{"API with query", production("NEXT_API_URL=https://a.test/?x=1"), "NEXT_API_URL"},
		{"API placeholder", production("NEXT_API_URL=https://your-app.vercel.app"), "NEXT_API_URL"},
		{"API that only looks like one", production("NEXT_API_URL=https://your-brand.test"), ""},

		{"Redis of another scheme", production("REDIS_URL=https://a.test"), "REDIS_URL"},
		{"Redis placeholder", production("REDIS_URL=redis://:your-password@a.test"), "REDIS_URL"},
		{"Redis with odd database", production("REDIS_URL=redis://a.test/one"), "REDIS_URL"},
		{"Redis that is no address", production("REDIS_URL=redis://a.test:port"), "REDIS_URL"},
		{"Upstash without token", []string{"UPSTASH_REDIS_REST_URL=https://a.upstash.io"}, "UPSTASH_REDIS_REST_TOKEN"},
		{"Upstash without address", []string{"UPSTASH_REDIS_REST_TOKEN=AXX"}, "UPSTASH_REDIS_REST_URL"},
		{"Upstash in the clear", []string{"UPSTASH_REDIS_REST_URL=http://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN=AXX"}, "UPSTASH_REDIS_REST_URL"},
		{"Upstash placeholders", []string{"UPSTASH_REDIS_REST_URL=https://your-redis.upstash.io", "UPSTASH_REDIS_REST_TOKEN=your-token"},
			"UPSTASH_REDIS_REST_TOKEN UPSTASH_REDIS_REST_URL"},

		{"any origin", []string{"ALLOWED_ORIGINS=*"}, ""},
		{"origin with path", []string{"ALLOWED_ORIGINS=https://a.test/chat"}, "ALLOWED_ORIGINS"},
		{"origin without scheme", []string{"ALLOWED_ORIGINS=https://a.test,b.test"}, "ALLOWED_ORIGINS"},
		{"origin with wildcard", []string{"ALLOWED_ORIGINS=https://*.a.test"}, "ALLOWED_ORIGINS"},

		{"content over frame", []string{"MAX_FRAME_BYTES=2000"}, "MAX_CONTENT_CHARS"},
		{"queue under frame", []string{"MAX_FRAME_BYTES=131072", "MAX_QUEUE_BYTES=65536"}, "MAX_QUEUE_BYTES"},
		{"unreadable and related", []string{"MAX_FRAME_BYTES=64k"}, "MAX_FRAME_BYTES"},
		{"bounds", []string{"SAVE_TIMEOUT=1ns", "BATCH_MAX=0", "API_CONCURRENCY=1001", "LOG_WINDOW=9", "DRAIN_TIMEOUT=-1s"},
			"SAVE_TIMEOUT BATCH_MAX API_CONCURRENCY LOG_WINDOW DRAIN_TIMEOUT"},
		{"no limits", []string{"RATE_LIMIT=0", "MAX_CONNECTIONS=0", "SAVE_PATIENCE=0", "DRAIN_TIMEOUT=0"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if names, text := faultsOf(t, c.environ...); names != c.want {
				t.Errorf("faults %q, want %q:\n%s", names, c.want, text)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for want, environ := range map[string][]string{
		"shorter than 32":        {"JWT_SECRET=dev"},
		"JWT_SECRET is not":      {"NEXT_API_URL=http://a.test", "INTERNAL_API_SECRET=" + secretA},
		"in the clear":           production("NEXT_API_URL=http://a.test"),
		"cut a save short":       {"DRAIN_TIMEOUT=5s"},
		"TRUST_FLY_CLIENT_IP is": {"TRUST_FLY_CLIENT_IP=true"},
	} {
		c := load(t, environ...)
		w := c.Warnings()
		if len(w) != 1 || !strings.Contains(w[0], want) {
			t.Errorf("%v: warnings %q", environ, w)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("PORT", "80", "RATE_LIMIT=1\nJWT_SECRET='x")
	f.Add("NEXT_API_URL", "https://a/%2e%2e", "LOG_LEVEL=\"")
	f.Add("REDIS_URL", "redis://u:p@[::1]:1/2", "")
	f.Add("ALLOWED_ORIGINS", "*,,https://[", "# no\n=1")
	f.Fuzz(func(t *testing.T, name, value, dotenv string) {
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(dotenv), 0o600); err != nil {
			t.Fatal(err)
		}
		hidden := "hush" + secretB[:20] // shorter than production wants
		c, err := Load([]string{name + "=" + value, "NODE_ENV=production", "INTERNAL_API_SECRET=" + hidden}, file)
		if err == nil {
			t.Fatal("a production instance starts with a short secret")
		}
		if strings.Contains(err.Error(), hidden) || strings.Contains(show(c), hidden) {
			t.Fatalf("a secret is shown: %v", err)
		}
		if redis := c.Redis(); redis == "" && c.RedisURL != "" {
			t.Fatal("REDIS_URL does not win")
		}
		_, _ = c.Addr(), c.Warnings()
	})
}
