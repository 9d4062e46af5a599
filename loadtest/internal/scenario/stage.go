package scenario

import (
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"time"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/crew"
	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// Options of a run that are no part of the scenario.
type Options struct {
	Processes int              // of sockets
	Sources   int              // source addresses, 0 = the kernel's choice
	Dialers   int              // sockets that are opened, or come back, at once, over all processes
	Apart     bool             // the server has processors of its own
	Known     []work.Known     // chats of the app behind the server, at least as many as the plan's; nil = any will do
	Command   func() *exec.Cmd // starts a process of sockets
	Progress  *report.Progress
}

// Stage carries out the steps of one scenario on one server.
type Stage struct {
	Plan plan.Plan

	target *host.Target
	crew   *crew.Crew
	run    uint64
	result *report.Result
	log    *log
	opts   Options
	opened int           // chats
	cpu    time.Duration // of the processes of sockets so far
}

// Run plays a scenario. The result is there even when an error ended it early: as far as it came.
func Run(ctx context.Context, s Scenario, p plan.Plan, target *host.Target, o Options) (*report.Result, error) {
	r := &report.Result{Target: target.Name, Plan: p, Processes: o.Processes, ReadyMs: ms(target.Ready), Servers: len(target.URLs)}
	st := &Stage{Plan: p, target: target, run: rand.Uint64(), result: r, opts: o}
	st.log = newLog(o.Progress)
	u, err := st.read(ctx) // that it never can be is told now
	if err != nil {
		return r, err
	}
	if u != nil {
		r.RSSBytes = u.RSS
	}
	if st.crew, err = crew.Hire(ctx, o.Processes, o.Command, st.log.add); err != nil {
		return r, err
	}
	defer st.crew.Dismiss()
	stop := st.log.course.Follow(func() *host.Usage { u, _ := st.usage(ctx); return u }) // fails only with ctx
	err = st.play(ctx, s)
	stop()
	r.Series, r.Notes = st.log.course.Points(), st.log.notes()
	r.LoadCPU = st.cpu.Seconds()
	if target.API != nil {
		r.APIMs = report.Summarize(target.API.Took())
	}
	return r, err
}

// play sets the processes up, plays and closes. Sockets that did not open are a result and no error.
func (s *Stage) play(ctx context.Context, sc Scenario) error {
	if _, err := s.do(ctx, s.setup); err != nil {
		return err
	}
	err := sc.Play(ctx, s)
	if err != nil && !errors.Is(err, errNotOpened) {
		return err
	}
	s.log.course.Stage("closing")
	done, err := s.do(ctx, same(work.Command{Do: work.Close}))
	if err != nil {
		return err
	}
	s.settle(done)
	return nil
}

// settle adds up the accounts of the processes.
func (s *Stage) settle(done []*work.Done) {
	s.result.Errors, s.result.Refusals, s.result.Closes = map[string]int64{}, map[string]int64{}, map[string]int64{}
	var v check.Verdict
	for _, d := range done {
		v.Add(d.Final.Verdict)
		s.result.Unacked += d.Final.Unacked
		s.result.Unstored += d.Final.Unstored
		addUp(s.result.Errors, d.Final.Errors)
		addUp(s.result.Refusals, d.Final.Refusals)
		addUp(s.result.Closes, d.Final.Closes)
	}
	s.result.Verdict = v
}

func addUp(sum, more map[string]int64) {
	for name, n := range more {
		sum[name] += n
	}
}

func (s *Stage) setup(i int) work.Command {
	first, chats := plan.Share(s.Plan.Chats, i, s.crew.Size())
	_, dialers := plan.Share(s.opts.Dialers, i, s.crew.Size())
	sources := s.opts.Sources
	if !s.target.Local {
		sources = 0
	}
	var known []work.Known
	if s.opts.Known != nil {
		known = s.opts.Known[first : first+chats]
	}
	return work.Command{Do: work.SetUp, Setup: &work.Setup{
		Run: s.run, URLs: s.target.URLs, Room: s.target.Room, Secret: s.target.Secret, Sources: sources, Dialers: dialers,
		FirstChat: first, Known: known, Sockets: s.Plan.Sockets, Senders: s.Plan.Senders, Typing: s.Plan.Typing, Size: s.Plan.Size,
		V1: s.Plan.V1, Acks: s.Plan.V1 && !s.Plan.Typing && !s.target.Room,
		Types: s.Plan.Busy > 0, Resume: s.Plan.Share > 0,
	}}
}

func same(c work.Command) func(int) work.Command { return func(int) work.Command { return c } }

// do has all processes carry out a command, and keeps count of their processor time.
func (s *Stage) do(ctx context.Context, of func(int) work.Command) ([]*work.Done, error) {
	done, err := s.crew.Do(ctx, of)
	if err != nil {
		return nil, err
	}
	s.cpu = 0
	for _, d := range done {
		s.cpu += d.CPU
	}
	return done, nil
}

// errNotOpened ends a scenario early; the result tells which sockets did not open, and why.
var errNotOpened = errors.New("not every socket opened")
