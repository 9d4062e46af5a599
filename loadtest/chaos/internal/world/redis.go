package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/redis/rueidis"
)

// patience bounds how long something that was started may take to answer.
const patience = 30 * time.Second

// Redis is a real one that keeps everything it has answered for.
type Redis struct {
	Address string

	dir    string
	mu     sync.Mutex // guards proc
	proc   *process
	client rueidis.Client // of the harness itself: publishes and looks, never through a proxy
}

func startRedis(ctx context.Context, dir string) (*Redis, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Address: "127.0.0.1:" + strconv.Itoa(port), dir: dir}
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	r.client, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{r.Address}, DisableCache: true, ForceSingleClient: true, PipelineMultiplex: -1,
	})
	if err != nil {
		r.Kill()
		return nil, fmt.Errorf("redis: %w", err)
	}
	return r, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts it, again on the same file, and waits until it has read that.
func (r *Redis) Start(ctx context.Context) error {
	_, port, _ := net.SplitHostPort(r.Address)
	proc, err := start("redis-server", filepath.Join(r.dir, "redis.log"), exec.Command("redis-server", "--port", port,
		"--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", r.dir))
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.proc = proc
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if err := ping(ctx, r.Address); err == nil {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-proc.ended:
			return errors.New("redis-server ended: " + proc.printed())
		case <-ctx.Done():
			return fmt.Errorf("redis-server does not answer: %w", ctx.Err())
		}
	}
}

// ping waits for an answer that is none of "loading".
func ping(ctx context.Context, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // never fails on an open connection
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	var answer [5]byte
	if _, err := conn.Read(answer[:]); err != nil {
		return err
	}
	if string(answer[:]) != "+PONG" {
		return errors.New("not ready")
	}
	return nil
}

// Kill ends it as kill -9 does.
func (r *Redis) Kill() { r.process().kill() }

// Pause and Resume stop it and let it go on.
func (r *Redis) Pause() { r.process().signal(syscall.SIGSTOP) }

// Resume lets a paused one go on.
func (r *Redis) Resume() { r.process().signal(syscall.SIGCONT) }

func (r *Redis) process() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc
}

// Wipe deletes everything.
func (r *Redis) Wipe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.client.Do(ctx, r.client.B().Flushall().Build()).Error()
}

// publish puts a payload on a channel as the Next.js app does; a failure is swallowed, as there.
func (r *Redis) publish(channel string, payload []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.client.Do(ctx, r.client.B().Publish().Channel(channel).Message(rueidis.BinaryString(payload)).Build()).Error()
}

func (r *Redis) close() {
	r.client.Close()
	r.Kill()
}
