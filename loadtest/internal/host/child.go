package host

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// child is a process that we started.
type child struct {
	name   string
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{} // closed when it has ended
}

func start(name string, cmd *exec.Cmd, pins *Pins) (*child, error) {
	c := &child{name: name, cmd: cmd, output: &tail{}, ended: make(chan struct{})}
	cmd.Stderr = c.output
	if cmd.Stdout == nil {
		cmd.Stdout = c.output
	}
	dieWithUs(cmd)
	run := cmd.Start
	if pins != nil {
		run = func() error { return pins.onServer(cmd.Start) }
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the process must not outlive its thread, so this one stays as long as it does
		defer runtime.UnlockOSThread()
		err := run()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended matters only where it should not have, and there its output tells
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return c, nil
}

// alive is an error with the last of its output when the process has ended.
func (c *child) alive() error {
	select {
	case <-c.ended:
		return fmt.Errorf("%s ended: %s\n%s", c.name, c.cmd.ProcessState, c.output)
	default:
		return nil
	}
}

// stopTime is how long a process may take to end in peace.
const stopTime = 10 * time.Second

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopTime):
		c.kill()
	}
}

// kill ends the process at once and waits for it.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4 << 10 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf[max(0, len(t.buf)-tailSize):]))
}

// freePorts finds ports of 127.0.0.1 that nobody uses now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer l.Close() // all are held until all are found, so that no two are the same
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// ScratchDir makes a directory for a run, which its caller removes.
func ScratchDir() (string, error) { return os.MkdirTemp("", "eclipse-loadtest-") }
