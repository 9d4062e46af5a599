package host

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
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
