package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"eclipse/internal/fakeapi"
)

// Cluster is two routers on one Redis and one fake API, each of which can be made to fail. Not for concurrent use, except that
// one goroutine may call Usage meanwhile.
type Cluster struct {
	Secret string       // signs tokens
	URLs   [2]string    // ws:// of each router
	Stored *fakeapi.API // what was stored, and the faults of the API

	routers   [2]*child
	redis     *child
	redisPort int
	dir       string
	api       *fakeapi.Server

	used [2]time.Duration // Usage's own: processor time of each router when it was read last
}

// Routers starts them. Of the options the binary, the latency of the API and the settings count.
func Routers(ctx context.Context, o RouterOptions) (*Cluster, error) {
	c := &Cluster{Secret: secret()}
	if err := c.start(ctx, o); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o RouterOptions) (err error) {
	if c.dir, err = ScratchDir(); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	c.redisPort = ports[0]
	if err := c.startRedis(ctx); err != nil {
		return err
	}
	apiSecret := secret()
	if c.api, err = fakeapi.Start(fakeapi.Options{Secret: apiSecret, Latency: o.APILatency}); err != nil {
		return err
	}
	c.Stored = c.api.API
	env := append([]string{
		"JWT_SECRET=" + c.Secret, "INTERNAL_API_SECRET=" + apiSecret, "NEXT_API_URL=" + c.api.URL,
		fmt.Sprintf("REDIS_URL=redis://127.0.0.1:%d", c.redisPort),
	}, o.Env...)
	for i := range c.routers {
		var address string
		if c.routers[i], address, err = launch(ctx, nil, o.Binary, c.dir, env); err != nil {
			return err
		}
		c.URLs[i] = "ws://" + address + "/"
	}
	return nil
}

// startRedis starts it with the data that is there. Each write is in the kernel before it is answered, so that a kill
// loses nothing; no write waits for the disk. The file only grows, so that no rewriting disturbs a run.
func (c *Cluster) startRedis(ctx context.Context) (err error) {
	c.redis, _, err = startRedis(ctx, c.redisPort, "--dir", c.dir, "--appendonly", "yes", "--appendfsync", "no",
		"--auto-aof-rewrite-percentage", "0")
	return err
}

// RestartRedis kills Redis (SIGKILL), starts it again and returns when it serves.
func (c *Cluster) RestartRedis(ctx context.Context) error {
	c.redis.kill()
	return c.startRedis(ctx)
}

// KillRouter kills a router (SIGKILL).
func (c *Cluster) KillRouter(i int) { c.routers[i].kill() }

// Usage reads what the routers have used so far. One that was killed keeps its processor time and has no memory.
func (c *Cluster) Usage(ctx context.Context) (Usage, error) {
	all := Usage{At: time.Now()}
	for i, r := range c.routers {
		if r.alive() == nil {
			u, err := process(r.cmd.Process.Pid)(ctx)
			if errors.Is(err, ErrUnknown) {
				return all, err
			}
			if err == nil { // else it is being killed
				c.used[i] = u.CPU
				all.RSS += u.RSS
			}
		}
		all.CPU += c.used[i]
	}
	return all, nil
}

// StopAPI ends the API: its connections break and new ones are refused.
func (c *Cluster) StopAPI() { c.api.Close() }

// StartAPI brings it back where it was, with what it had stored.
func (c *Cluster) StartAPI() (err error) {
	c.api, err = fakeapi.Listen(c.api.Address(), c.Stored)
	return err
}

// Stop ends everything.
func (c *Cluster) Stop() {
	for _, r := range c.routers {
		if r != nil {
			r.stop()
		}
	}
	if c.api != nil {
		c.api.Close()
	}
	if c.redis != nil {
		c.redis.stop()
	}
	_ = os.RemoveAll(c.dir)
}
