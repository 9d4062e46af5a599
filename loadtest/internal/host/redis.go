package host

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
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
	port := strconv.Itoa(ports[0])
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	c, err := start("redis-server", cmd, nil)
	if err != nil {
		return "", nil, err
	}
	t.onStop(c.stop)
	address := "127.0.0.1:" + port
	if err := listens(ctx, c, address); err != nil {
		return "", nil, err
	}
	return "redis://" + address, process(c.cmd.Process.Pid), nil
}

// listens waits until a process accepts connections.
func listens(ctx context.Context, c *child, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var d net.Dialer
	for {
		if err := c.alive(); err != nil {
			return err
		}
		if conn, err := d.DialContext(ctx, "tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w\n%s", c.name, ctx.Err(), c.output)
		}
	}
}
