package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// redis returns the URL of the Redis to use, starting one where that is asked.
func (t *Target) redis(ctx context.Context, which, dir string) (url string, meter Meter, err error) {
	if which != "start" {
		return which, nil, nil
	}
	ports, err := freePorts(1)
	if err != nil {
		return "", nil, err
	}
	c, address, err := startRedis(ctx, ports[0], "--appendonly", "no", "--dir", dir)
	if err != nil {
		return "", nil, err
	}
	t.onStop(c.stop)
	return "redis://" + address, process(c.cmd.Process.Pid), nil
}

// startRedis starts a Redis without snapshots and waits until it serves.
func startRedis(ctx context.Context, port int, args ...string) (c *child, address string, err error) {
	number := strconv.Itoa(port)
	args = append([]string{"--port", number, "--bind", "127.0.0.1", "--save", ""}, args...)
	if c, err = start("redis-server", exec.Command("redis-server", args...), nil); err != nil {
		return nil, "", err
	}
	address = "127.0.0.1:" + number
	if err := pongs(ctx, c, address); err != nil {
		c.stop()
		return nil, "", err
	}
	return c, address, nil
}

// pongs waits until a Redis answers; while it still loads its data it accepts connections and refuses commands.
func pongs(ctx context.Context, c *child, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if err := c.alive(); err != nil {
			return err
		}
		if ping(ctx, address) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", c.name, ctx.Err(), c.output)
		}
	}
}

func ping(ctx context.Context, address string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if conn.SetDeadline(deadline) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(answer, "+PONG")
}

// commandStats reads the statistics of commands of a Redis.
func (t *Target) commandStats(redis string) (func(context.Context) (map[string]int64, error), error) {
	client, err := dialRedis(redis)
	if err != nil {
		return nil, err
	}
	t.onStop(client.Close)
	return func(ctx context.Context) (map[string]int64, error) {
		text, err := client.Do(ctx, client.B().Info().Section("commandstats").Build()).ToString()
		if err != nil {
			return nil, fmt.Errorf("reading the statistics of Redis: %w", err)
		}
		return parseCommandStats(text), nil
	}, nil
}

// parseCommandStats reads lines such as cmdstat_xadd:calls=3,usec=…; what this reading itself calls is left out.
func parseCommandStats(text string) map[string]int64 {
	calls := map[string]int64{}
	for line := range strings.Lines(text) {
		name, rest, found := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		number, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseInt(number, 10, 64)
		if found && err == nil && name != "info" {
			calls[name] = n
		}
	}
	return calls
}

func dialRedis(url string) (rueidis.Client, error) {
	o, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the URL of Redis cannot be read") // the parser's own error may show the password
	}
	o.DisableCache = true
	client, err := rueidis.NewClient(o)
	if err != nil {
		return nil, fmt.Errorf("connecting to Redis: %w", err)
	}
	return client, nil
}
