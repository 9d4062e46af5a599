package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// RouterOptions of a router that is started here.
type RouterOptions struct {
	Binary     string        // path of the router
	APILatency time.Duration // of every call to the API
	OldAPI     bool          // the API has no batch route
	Redis      string        // URL of a Redis, "start" = start one, "" = none
	Env        []string      // further settings, KEY=value; they win
	Instances  int           // routers on the same Redis and API, 0 = 1
}

// Router starts the router, or several of them, with a fake API behind.
func Router(ctx context.Context, pins *Pins, o RouterOptions) (*Target, error) {
	t := &Target{Name: "router", Local: true, Secret: secret()}
	if o.Instances > 1 {
		t.Name = fmt.Sprintf("%d routers", o.Instances)
	}
	if err := t.startRouter(ctx, pins, o); err != nil {
		t.Stop()
		return nil, err
	}
	return t, nil
}

func (t *Target) startRouter(ctx context.Context, pins *Pins, o RouterOptions) error {
	dir, err := ScratchDir()
	if err != nil {
		return err
	}
	t.onStop(func() { _ = os.RemoveAll(dir) })
	apiSecret := secret()
	redis, redisMeter, err := t.redis(ctx, o.Redis, dir)
	if err != nil {
		return err
	}
	if t.API, err = startAPI(o.APILatency, o.OldAPI, apiSecret, redis); err != nil {
		return err
	}
	t.onStop(t.API.stop)
	began := time.Now()
	env := append([]string{
		"JWT_SECRET=" + t.Secret, "INTERNAL_API_SECRET=" + apiSecret, "NEXT_API_URL=" + t.API.URL, "REDIS_URL=" + redis,
	}, o.Env...)
	var meters []Meter
	for range max(1, o.Instances) {
		c, address, err := launch(ctx, pins, o.Binary, dir, env)
		if err != nil {
			return err
		}
		t.onStop(c.stop)
		t.URLs = append(t.URLs, "ws://"+address+"/")
		meters = append(meters, process(c.cmd.Process.Pid))
	}
	t.Ready = time.Since(began)
	t.meter = withRedis(sum(meters), redisMeter)
	if redis != "" {
		t.commands, err = t.commandStats(redis)
	}
	return err
}

// sum adds up what several processes have used.
func sum(meters []Meter) Meter {
	return func(ctx context.Context) (Usage, error) {
		all := Usage{At: time.Now()}
		for _, read := range meters {
			u, err := read(ctx)
			if err != nil {
				return all, err
			}
			all.CPU += u.CPU
			all.RSS += u.RSS
		}
		return all, nil
	}
}

// launch starts a router without limits on its sockets and waits until it answers. Settings of env win.
func launch(ctx context.Context, pins *Pins, binary, dir string, env []string) (c *child, address string, err error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(binary)
	cmd.Dir = dir // so that no .env of ours is read
	cmd.Env = append(environment(),
		"PORT="+strconv.Itoa(ports[0]), "METRICS_PORT="+strconv.Itoa(ports[1]), "DATA_DIR="+dir,
		"RATE_LIMIT=0", "MAX_CONNECTIONS=0", "MAX_CONNECTIONS_PER_IP=0", "MAX_CONNECTIONS_PER_USER=0",
		"LOG_LEVEL=warn", "DRAIN_TIMEOUT=2s")
	cmd.Env = append(cmd.Env, env...)
	if c, err = start("the router", cmd, pins); err != nil {
		return nil, "", err
	}
	address = "127.0.0.1:" + strconv.Itoa(ports[0])
	if err := answers(ctx, c, "http://"+address+"/health", http.StatusOK); err != nil {
		c.stop()
		return nil, "", err
	}
	return c, address, nil
}

// environment is ours without what would configure the router.
func environment() []string {
	var keep []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, set := os.LookupEnv(name); set {
			keep = append(keep, name+"="+value)
		}
	}
	return keep
}

// Build builds the router from the module of the current directory.
func Build(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the router's module (run this in its directory, or give -router): %w", err)
	}
	binary := filepath.Join(dir, "router")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = strings.TrimSpace(string(out))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the router: %w\n%s", err, out)
	}
	return binary, nil
}

// secret is 32 random bytes in hexadecimal.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// withRedis adds the processor time of a Redis to a server's usage.
func withRedis(server, redis Meter) Meter {
	if redis == nil {
		return server
	}
	return func(ctx context.Context) (Usage, error) {
		u, err := server(ctx)
		if err != nil {
			return u, err
		}
		r, err := redis(ctx)
		u.Redis = r.CPU
		return u, err
	}
}
