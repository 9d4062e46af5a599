package e2e

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Secrets of the routers under test.
const (
	jwtSecret = "e2e-jwt-0123456789abcdef0123456789abcdef"
	apiSecret = "e2e-api-0123456789abcdef0123456789abcdef"
)

// transcript is what a process has printed.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// find returns the first group of the first match, "" without one.
func (o *transcript) find(pattern *regexp.Regexp) string {
	if m := pattern.FindStringSubmatch(o.String()); m != nil {
		return m[1]
	}
	return ""
}

// process is one run of the binary, in a directory of its own.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output transcript
	exited chan struct{}
}

// start runs the binary with exactly this environment until the test ends.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), exited: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting the router: %v", err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Kill()
		p.checkLog()
	})
	return p
}

// run starts the binary, waits for its end and returns its exit code and everything that it printed.
func run(t testing.TB, env []string, args ...string) (code int, output string) {
	t.Helper()
	p := start(t, env, args...)
	p.wait()
	return p.exitCode(), p.output.String()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signalling the router: %v", err)
	}
}

// Kill ends the process as kill -9 does, and waits for it. Idempotent.
func (p *process) Kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// Term asks the process to go (SIGTERM) and returns at once.
func (p *process) Term() { p.t.Helper(); p.signal(syscall.SIGTERM) }

// Stop freezes the process; Cont lets it go on.
func (p *process) Stop() { p.t.Helper(); p.signal(syscall.SIGSTOP) }
func (p *process) Cont() { p.t.Helper(); p.signal(syscall.SIGCONT) }

// wait blocks until the process has ended by itself.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the router does not exit")
	}
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// exitCode of a process that has ended; -1 when a signal ended it.
func (p *process) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// unspeakable is what no log may hold: the mark of every message's content, secrets, tokens, e-mail addresses.
var unspeakable = regexp.MustCompile(mark + `|` + jwtSecret + `|` + apiSecret + `|eyJ[\w-]{6}|[\w.+-]+@[\w-]+\.[A-Za-z]{2,}`)

func (p *process) checkLog() {
	for line := range strings.Lines(p.output.String()) {
		if unspeakable.MatchString(line) {
			p.t.Errorf("a log line tells what none may tell: %s", line)
		}
		if strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE") {
			p.t.Errorf("the router panicked: %s", line)
		}
	}
	if p.t.Failed() && testing.Verbose() {
		p.t.Logf("log of process %d:\n%s", p.cmd.Process.Pid, p.output.String())
	}
}
