package world

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
)

// process is one run of a program. What it prints goes to a file, and its beginning is kept to be searched.
type process struct {
	name  string
	cmd   *exec.Cmd
	file  *os.File
	ended chan struct{} // closed when it has ended

	mu      sync.Mutex
	head    []byte
	changed chan struct{} // closed and replaced when head grows
}

const headSize = 16 << 10 // bytes

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	if len(p.head) < headSize {
		p.head = append(p.head, b[:min(len(b), headSize-len(p.head))]...)
		close(p.changed)
		p.changed = make(chan struct{})
	}
	p.mu.Unlock()
	return p.file.Write(b)
}

func start(name, output string, cmd *exec.Cmd) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, file: file, ended: make(chan struct{}), changed: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is for its caller to judge
		_ = file.Close()
		close(p.ended)
	}()
	return p, nil
}

// prints waits until a pattern is printed and returns its first group; "" if the process ends without it.
func (p *process) prints(pattern *regexp.Regexp) string {
	for {
		p.mu.Lock()
		found, changed := pattern.FindSubmatch(p.head), p.changed
		p.mu.Unlock()
		if found != nil {
			return string(found[1])
		}
		select {
		case <-changed:
		case <-p.ended:
			return ""
		}
	}
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.head)
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal is lost on a process that has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends it at once, also one that is stopped.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}
