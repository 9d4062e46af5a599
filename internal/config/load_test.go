package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	secretA = "0b1f5c9a7d3e48f2a6c4e8d0b9f7a5c3"
	secretB = "f3e1d9c7b5a394827160f5e4d3c2b1a0"
)

// production is an environment that a production instance starts with.
func production(more ...string) []string {
	return append([]string{
		"NODE_ENV=production", "JWT_SECRET=" + secretA, "INTERNAL_API_SECRET=" + secretB,
		"NEXT_API_URL=https://shop.test", "REDIS_URL=rediss://default:pass@redis.test:6380/0",
	}, more...)
}

func load(t *testing.T, environ ...string) Config {
	t.Helper()
	c, err := Load(environ, "")
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
	return c
}

// faultsOf returns the names of the faults, in order, and the whole text.
func faultsOf(t *testing.T, environ ...string) (string, string) {
	t.Helper()
	_, err := Load(environ, "")
	if err == nil {
		return "", ""
	}
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("not Faults: %v", err)
	}
	var names []string
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	return strings.Join(names, " "), err.Error()
}

func TestDefaults(t *testing.T) {
	c := load(t)
	want := Config{
		Env: Development, Port: 8080, MetricsPort: 9091, RateLimit: 20, MaxFrameBytes: 64 << 10, MaxContentChars: 16_000,
		MaxQueueBytes: 1 << 20, Delivery: Confirmed, AcceptPatience: 2 * time.Second, SaveTimeout: 15 * time.Second, SavePatience: 10 * time.Second,
		BatchMax: 100, APIConcurrency: 16, DeadLetterAge: 90 * 24 * time.Hour, LogWindow: 1000, ReplayAge: 10 * time.Minute, ReplayMax: 100, DrainTimeout: 25 * time.Second, LogLevel: slog.LevelInfo,
		DataDir: "./.eclipse",
	}
	if len(c.AllowedOrigins) != 0 {
		t.Errorf("origins %q", c.AllowedOrigins)
	}
	c.AllowedOrigins = nil
	if got, want := show(c), show(want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.Addr() != "127.0.0.1:8080" || c.MetricsAddr() != "127.0.0.1:9091" {
		t.Errorf("development listens on %s and %s", c.Addr(), c.MetricsAddr())
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings about nothing: %q", w)
	}
}

func TestProduction(t *testing.T) {
	c := load(t, production("PORT=9000", "MAX_CONNECTIONS=40000", "DRAIN_TIMEOUT=1m30s", "LOG_LEVEL=debug",
		"ALLOWED_ORIGINS= https://Shop.test/ ,http://localhost:3000,", "JWT_SECRET_PREVIOUS="+strings.Repeat("x", 40),
		"FLY_APP_NAME=chat")...)
	if !c.Production() || c.Addr() != ":9000" || c.MetricsAddr() != ":9091" {
		t.Errorf("production %v listens on %s and %s", c.Production(), c.Addr(), c.MetricsAddr())
	}
	if c.MaxConnections != 40000 || c.DrainTimeout != 90*time.Second || c.LogLevel != slog.LevelDebug || !c.TrustFlyClientIP {
		t.Errorf("values do not arrive: %s", show(c))
	}
	if got := strings.Join(c.AllowedOrigins, " "); got != "https://shop.test http://localhost:3000" {
		t.Errorf("origins %q", got)
	}
	if got := c.JWTSecrets(); len(got) != 2 || got[0] != secretA || got[1] != strings.Repeat("x", 40) {
		t.Error("the secrets are not the current and the previous one")
	}
	if c := load(t, "HOST=::1", "METRICS_HOST=::", "PORT=0"); c.Addr() != "[::1]:0" || c.MetricsAddr() != "[::]:9091" {
		t.Errorf("listens on %s and %s", c.Addr(), c.MetricsAddr())
	}
}

func TestFlyClientIP(t *testing.T) {
	for environ, want := range map[string]bool{
		"":                          false,
		"FLY_APP_NAME=a":            true,
		"FLY_APP_NAME=a,OFF=":       true,
		"TRUST_FLY_CLIENT_IP=true":  true,
		"TRUST_FLY_CLIENT_IP=false": false,
		"FLY_APP_NAME=a,TRUST_FLY_CLIENT_IP=false": false,
		"FLY_APP_NAME=a,TRUST_FLY_CLIENT_IP=":      true,
	} {
		if got := load(t, strings.Split(environ, ",")...).TrustFlyClientIP; got != want {
			t.Errorf("%q: %v", environ, got)
		}
	}
}

func TestRedis(t *testing.T) {
	upstash := []string{"UPSTASH_REDIS_REST_URL=https://eu1-cat.upstash.io/", "UPSTASH_REDIS_REST_TOKEN=AX@/c=="}
	both := load(t, append(upstash, "REDIS_URL=redis://127.0.0.1:7000")...)
	for name, c := range map[string]struct {
		got  Secret
		want string
	}{
		"none":    {redisOf(load(t)), ""},
		"plain":   {redisOf(load(t, "REDIS_URL=redis://127.0.0.1:7000")), "redis://127.0.0.1:7000"},
		"both":    {redisOf(both), "redis://127.0.0.1:7000"},
		"upstash": {redisOf(load(t, upstash...)), "rediss://default:AX%40%2Fc==@eu1-cat.upstash.io:6379"},
		"escapes": {redisOf(load(t, "UPSTASH_REDIS_REST_URL=https://eu1-nice-name-12345.upstash.io/", "UPSTASH_REDIS_REST_TOKEN=AX/y:z=")),
			"rediss://default:AX%2Fy%3Az=@eu1-nice-name-12345.upstash.io:6379"},
	} {
		if c.got.Reveal() != c.want {
			t.Errorf("%s: %q", name, c.got.Reveal())
		}
	}
	if w := both.Warnings(); len(w) != 1 || !strings.Contains(w[0], "REDIS_URL wins") {
		t.Errorf("warnings %q", w)
	}
}

func redisOf(c Config) Secret { return c.Redis() }

func TestEveryFaultAtOnce(t *testing.T) {
	names, text := faultsOf(t, "NODE_ENV=production", "PORT=http", "JWT_SECRET=your-super-secret-jwt-key-of-32-bytes",
		"INTERNAL_API_SECRET=short", "NEXT_API_URL=ftp://x", "RATE_LIMIT=-1", "LOG_LEVEL=loud", "DELIVERY=soon",
		"SAVE_TIMEOUT=15", "TRUST_FLY_CLIENT_IP=maybe", "MAX_FRAME_BYTES=1")
	for _, name := range []string{"PORT", "JWT_SECRET", "INTERNAL_API_SECRET", "NEXT_API_URL", "REDIS_URL", "RATE_LIMIT",
		"LOG_LEVEL", "DELIVERY", "SAVE_TIMEOUT", "TRUST_FLY_CLIENT_IP", "MAX_FRAME_BYTES"} {
		if strings.Count(" "+names+" ", " "+name+" ") != 1 {
			t.Errorf("%s is not reported exactly once", name)
		}
	}
	if strings.Contains(text, "short\"") || strings.Contains(text, "super-secret") {
		t.Errorf("a secret is shown:\n%s", text)
	}
	if !strings.Contains(text, `PORT is "http"; set it to a whole number from 0 to 65535`) {
		t.Errorf("the words do not say what to do:\n%s", text)
	}
}

func TestEmptyIsUnset(t *testing.T) {
	c := load(t, "PORT=", "JWT_SECRET=", "REDIS_URL=", "LOG_LEVEL=", "DRAIN_TIMEOUT=", "NODE_ENV=", "garbage")
	if c.Port != 8080 || c.Env != Development || c.DrainTimeout != 25*time.Second {
		t.Errorf("an empty variable changed a default: %s", show(c))
	}
}

func TestDotenv(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("PORT=7001\nRATE_LIMIT=5 # a comment\nREDIS_URL=\"redis://127.0.0.1:7000\"\n")
	c, err := Load([]string{"PORT=7002", "REDIS_URL="}, file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 7002 || c.RateLimit != 5 || c.RedisURL != "" {
		t.Errorf("the environment does not win over the file: %s", show(c))
	}
	if _, err := Load(nil, filepath.Join(t.TempDir(), "absent")); err != nil {
		t.Errorf("a file that is not there: %v", err)
	}
	write("JWT_SECRET=\"" + secretA + "\nNO CLOSING QUOTE")
	if _, err := Load(nil, file); err == nil || strings.Contains(err.Error(), secretA[:6]) || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := Load(nil, t.TempDir()); err == nil {
		t.Error("a directory passes for a .env file")
	}
}
