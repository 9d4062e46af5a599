// Package crew is the parent's side of the processes of sockets: it starts them, sends each its command and gathers
// the answers. Do blocks until all have answered; ticks are handed on as they come.
package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"eclipse/loadtest/internal/work"
)

// Crew is a set of processes. Do must not be called concurrently.
type Crew struct {
	members []*member
	onTick  func(*work.Tick)
}

type member struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan work.Event // Done or Failed; closed when the process ends
	reader  sync.WaitGroup
}

// Hire starts n processes of command. onTick is called from one goroutine per process.
func Hire(ctx context.Context, n int, command func() *exec.Cmd, onTick func(*work.Tick)) (*Crew, error) {
	c := &Crew{onTick: onTick}
	for range n {
		m, err := c.start(command())
		if err != nil {
			c.Dismiss()
			return nil, fmt.Errorf("starting a process of sockets: %w", err)
		}
		c.members = append(c.members, m)
	}
	return c, ctx.Err()
}

func (c *Crew) start(cmd *exec.Cmd) (*member, error) {
	m := &member{cmd: cmd, answers: make(chan work.Event, 1)}
	var err error
	if m.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m.reader.Go(func() { c.listen(m, out) })
	return m, nil
}

func (c *Crew) listen(m *member, out io.Reader) {
	defer close(m.answers)
	for d := json.NewDecoder(out); ; {
		var e work.Event
		if d.Decode(&e) != nil {
			return
		}
		if e.Tick != nil {
			c.onTick(e.Tick)
			continue
		}
		m.answers <- e // one command at a time, so there is room
	}
}

// Size is the number of processes.
func (c *Crew) Size() int { return len(c.members) }

// Do sends process i the command that of(i) returns, all at once, and returns their answers in that order.
func (c *Crew) Do(ctx context.Context, of func(i int) work.Command) ([]*work.Done, error) {
	for i, m := range c.members {
		if err := json.NewEncoder(m.in).Encode(of(i)); err != nil {
			return nil, fmt.Errorf("process of sockets %d: %w", i, err)
		}
	}
	done := make([]*work.Done, len(c.members))
	var failed []error
	for i, m := range c.members {
		select {
		case e, alive := <-m.answers:
			switch {
			case !alive:
				failed = append(failed, fmt.Errorf("process of sockets %d ended", i))
			case e.Failed != "":
				failed = append(failed, fmt.Errorf("process of sockets %d: %s", i, e.Failed))
			default:
				done[i] = e.Done
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return done, errors.Join(failed...)
}

// lastWords is how long a process may take to end once its input has.
const lastWords = 5 * time.Second

// Dismiss ends all processes and waits for them.
func (c *Crew) Dismiss() {
	for _, m := range c.members {
		_ = m.in.Close()
	}
	for _, m := range c.members {
		kill := time.AfterFunc(lastWords, func() { _ = m.cmd.Process.Kill() })
		m.reader.Wait()
		_ = m.cmd.Wait() // how it ended no longer matters
		kill.Stop()
	}
	c.members = nil
}
