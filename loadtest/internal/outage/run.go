package outage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/pace"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// run is one run of all phases.
type run struct {
	id      uint64
	plan    plan.Plan
	cluster *host.Cluster
	chats   []*chat
	ledger  *ledger
	killed  atomic.Bool // the first router, by us
	ending  atomic.Bool // everything has come that is waited for

	mu     sync.Mutex
	faults map[string]int64 // error frames that refuse nothing or for good, by code
	ends   map[string]int64 // sockets that ended though nobody killed their router, by close code
}

// fault counts a frame that should not have come.
func (r *run) fault(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[name]++
}

func (r *run) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends[endName(err)]++
}

// Check says what makes a plan none for this.
func Check(p plan.Plan) error {
	var faults []error
	if p.Chats < 2*int(homes) || p.Sockets != 2 {
		faults = append(faults, fmt.Errorf("outages need at least %d chats of two sockets, so that each fault spares some", 2*int(homes)))
	}
	if p.Rate <= 0 || time.Duration(float64(p.Chats)/p.Rate*float64(time.Second)) > plan.TypingEnds-time.Second {
		faults = append(faults, errors.New("a typist would pause for so long that the router ends its typing: raise the rate or have fewer chats"))
	}
	return errors.Join(faults...)
}

// Run plays all phases. The result is there even when an error ended it early: as far as it came.
func Run(ctx context.Context, p plan.Plan, cluster *host.Cluster, progress *report.Progress) (*report.Result, error) {
	all := phases(p.Duration)
	r := &run{
		id: rand.Uint64(), plan: p, cluster: cluster, ledger: newLedger(len(all)), faults: map[string]int64{}, ends: map[string]int64{},
	}
	for i := range p.Chats {
		r.chats = append(r.chats, newChat(r, i))
	}
	ctx, cancel := context.WithTimeout(ctx, longest(p, all))
	defer cancel()
	course := report.NewCourse(progress, work.NewHistogram())
	result := &report.Result{Target: "two routers", Plan: p, Outage: &report.Outage{}}
	living, leave := context.WithCancel(ctx)
	defer leave()
	var members sync.WaitGroup
	for _, c := range r.chats {
		for _, m := range c.members {
			members.Go(func() { m.live(living) })
		}
	}
	course.Stage("opening")
	stop := course.Follow(func() *host.Usage { r.ledger.tell(course); return host.Meter(cluster.Usage).Try(ctx) })
	err := r.open(ctx, &result.Opening)
	if err == nil {
		err = r.talk(ctx, all, result.Outage, course)
	}
	if err == nil {
		course.Stage("waiting for the last deliveries")
		err = r.drain(ctx)
	}
	stop()
	result.Series = course.Points()
	r.ending.Store(true)
	leave()
	members.Wait()
	r.settle(all, result)
	return result, err
}

// longest is how long a run may take, so that it ends even where a router has stopped reading.
func longest(p plan.Plan, all []phase) time.Duration {
	d := openTime + p.Warmup + p.Patience
	for _, phase := range all {
		d += phase.lasts + p.Patience
	}
	return d + startTime
}

// startTime is for what a phase starts.
const startTime = time.Minute

// openTime bounds how long all sockets together may take to open.
const openTime = 60 * time.Second

func (r *run) open(ctx context.Context, o *report.Opening) error {
	start := time.Now()
	patience := time.NewTimer(openTime)
	defer patience.Stop()
	for _, c := range r.chats {
		for _, m := range c.members {
			select {
			case <-m.joined:
				o.Sockets++
			case <-patience.C:
				return errors.New("not every socket opened")
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	o.Seconds = time.Since(start).Seconds()
	o.PerSecond = float64(o.Sockets) / o.Seconds
	return nil
}

// talk sends at the plan's rate while the phases go by.
func (r *run) talk(ctx context.Context, all []phase, o *report.Outage, course *report.Course) error {
	talking, silence := context.WithCancel(ctx)
	var talker sync.WaitGroup
	talker.Go(func() {
		sleeper := pace.NewSleeper()
		defer sleeper.Close()
		next := 0
		_ = pace.Schedule{Rate: r.plan.Rate}.Run(talking, sleeper.Sleep, func(due time.Time) { // ends with its context
			r.chats[next].say(due)
			next = (next + 1) % len(r.chats)
		})
	})
	defer talker.Wait()
	defer silence()
	course.Stage("warming up")
	if err := pace.Wait(ctx, r.plan.Warmup); err != nil {
		return err
	}
	for i, p := range all {
		course.Stage(p.name)
		came, err := r.play(ctx, i, p)
		o.Phases = append(o.Phases, came)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// play carries out one phase and waits until the traffic has come back from it.
func (r *run) play(ctx context.Context, i int, p phase) (report.Phase, error) {
	start := time.Now()
	came := report.Phase{Name: p.name, Fault: p.strike != nil}
	r.ledger.begin(i)
	if p.strike != nil {
		if err := p.strike(ctx, r); err != nil {
			return came, err
		}
	}
	over := r.over()
	if err := pace.Wait(ctx, p.lasts-time.Since(start)); err != nil {
		return came, err
	}
	r.ledger.rest()
	came.Seconds = time.Since(start).Seconds()
	if p.heal != nil {
		if err := p.heal(ctx, r); err != nil {
			return came, err
		}
		over = r.over()
	}
	if !came.Fault {
		return came, nil
	}
	return came, r.comeBack(ctx, p, over, &came)
}

// over says that a fault is over.
func (r *run) over() (now time.Time) {
	now = time.Now()
	r.ledger.over()
	for _, c := range r.chats {
		c.await()
	}
	return now
}

// comeBack waits until each touched chat has had a message stored after the end of the fault, and until everything that was
// on its way then has its answer; or until the patience is over, which the absent figures tell.
func (r *run) comeBack(ctx context.Context, p phase, over time.Time, came *report.Phase) error {
	for end := time.Now().Add(r.plan.Patience); time.Now().Before(end); {
		came.FirstStoredMs, came.StoredMs = r.storedSince(p, over)
		if at := r.ledger.caughtUpAt(); !at.IsZero() {
			came.CaughtUpMs = ms(at.Sub(over))
		}
		if came.StoredMs != nil && came.CaughtUpMs != nil {
			return nil
		}
		if err := pace.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return nil
}

const pollTime = 10 * time.Millisecond

// storedSince is when the first and the last of the touched chats had a message stored again; nil = not yet.
func (r *run) storedSince(p phase, over time.Time) (first, last *float64) {
	var soonest, latest time.Time
	missing := false
	for _, c := range r.chats {
		if c.group.types() || p.untouched(c.group) {
			continue
		}
		at := c.storedAt()
		switch {
		case at.IsZero():
			missing = true
			continue
		case soonest.IsZero() || at.Before(soonest):
			soonest = at
		}
		if at.After(latest) {
			latest = at
		}
	}
	if !soonest.IsZero() {
		first = ms(soonest.Sub(over))
	}
	if !missing {
		last = ms(latest.Sub(over))
	}
	return first, last
}

func ms(d time.Duration) *float64 {
	x := float64(d) / float64(time.Millisecond)
	return &x
}

// drain waits until nothing is on its way, or the patience is over, and listens a little longer.
func (r *run) drain(ctx context.Context) error {
	for end := time.Now().Add(r.plan.Patience); r.underway() && time.Now().Before(end); {
		if err := pace.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return pace.Wait(ctx, pace.Echo)
}

func (r *run) underway() bool {
	for _, c := range r.chats {
		if c.underway() {
			return true
		}
	}
	return false
}
