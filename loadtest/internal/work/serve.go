package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Serve carries out the commands that come on in, until it ends (the parent is gone or done) or a command fails.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan Command)
	go func() { // a parent that goes away ends whatever is being carried out
		defer cancel()
		defer close(commands)
		for d := json.NewDecoder(in); ; {
			var c Command
			if d.Decode(&c) != nil {
				return
			}
			select {
			case commands <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	s := &service{out: json.NewEncoder(out)}
	defer s.stop()
	for c := range commands {
		done, err := s.do(ctx, c)
		if err != nil {
			s.send(Event{Failed: fmt.Sprintf("%s: %v", c.Do, err)})
			return err
		}
		done.CPU = cpuTime()
		s.send(Event{Done: done})
	}
	return nil
}

type service struct {
	mu       sync.Mutex // one line at a time; a tick is taken and sent in one go, so that none follows the Done of its stretch
	out      *json.Encoder
	measured bool // the stretch that goes on is

	worker *worker
	quit   chan struct{}
	ticks  sync.WaitGroup
}

// send ignores errors: a parent that does not listen any more closes our input too.
func (s *service) send(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(e)
}

// tick reports what happened so far within a stretch.
func (s *service) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report()
}

// begin ends a stretch and reports the rest of it; the next one is measured or not.
func (s *service) begin(measured bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report()
	s.measured = measured
}

// report takes and sends a tick. mu is held.
func (s *service) report() {
	t := s.worker.meter.take()
	t.Measured = s.measured
	_ = s.out.Encode(Event{Tick: t})
}

func (s *service) do(ctx context.Context, c Command) (*Done, error) {
	if (c.Do == SetUp) != (s.worker == nil) {
		return nil, errors.New("set up once, and first")
	}
	switch c.Do {
	case SetUp:
		return &Done{}, s.setUp(ctx, c.Setup)
	case Open:
		done := &Done{Sockets: s.worker.open(ctx, c.Chats)}
		done.NotOpened = s.worker.meter.refusals
		s.begin(false)
		return done, ctx.Err()
	case Say:
		s.begin(c.Talk.Measured)
		bounced, err := s.worker.talk(ctx, *c.Talk)
		s.begin(false)
		return &Done{Bounced: bounced}, err
	case Drain:
		left := s.worker.drain(ctx, c.Timeout)
		s.begin(false)
		return &Done{Pending: left}, ctx.Err()
	case Close:
		return &Done{Final: s.worker.close()}, nil
	}
	return nil, errors.New("unknown command")
}

func (s *service) setUp(ctx context.Context, setup *Setup) (err error) {
	if setup == nil {
		return errors.New("no setup given")
	}
	if s.worker, err = newWorker(*setup); err != nil {
		return err
	}
	context.AfterFunc(ctx, s.worker.drop) // whatever is being written then returns
	s.quit = make(chan struct{})
	s.ticks.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.tick()
			case <-s.quit:
				return
			}
		}
	})
	return nil
}

// stop ends the ticks and drops what is still open.
func (s *service) stop() {
	if s.worker == nil {
		return
	}
	close(s.quit)
	s.ticks.Wait()
	s.worker.closing.Store(true)
	s.worker.drop()
	s.worker.readers.Wait()
}
