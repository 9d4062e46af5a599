package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// alarmTick is the alarm's resolution: an actor is woken at most this much late.
const alarmTick = 100 * time.Millisecond

// wake is what an actor receives when an alarm that it set is due. Alarms are never cancelled: the actor looks at
// its own deadlines and ignores a wake that finds nothing due.
type wake struct{}

var wakeUp = &wake{}

// alarm wakes actors: one ticker over slots, no timer each. What is due is counted in ticks since it began, by the clock
// and not by the ticker: one that is late, or leaves ticks out, must not wake an actor early, which would find nothing
// due and set no alarm again.
type alarm struct {
	send  func(pid *actor.PID)
	begun time.Time
	stop  chan struct{}
	done  chan struct{}

	mu    sync.Mutex
	now   int64           // the last tick that was handled
	slots [1024][]alarmed // tick n is in slot n modulo their number
}

type alarmed struct {
	pid  *actor.PID
	tick int64
}

func newAlarm(send func(pid *actor.PID)) *alarm {
	a := &alarm{send: send, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// after wakes pid once, d from now, rounded up to the next tick.
func (a *alarm) after(d time.Duration, pid *actor.PID) {
	tick := int64((time.Since(a.begun) + d + alarmTick - 1) / alarmTick)
	a.mu.Lock()
	tick = max(tick, a.now+1)
	slot := a.slot(tick)
	*slot = append(*slot, alarmed{pid, tick})
	a.mu.Unlock()
}

func (a *alarm) slot(tick int64) *[]alarmed { return &a.slots[tick%int64(len(a.slots))] }

func (a *alarm) run() {
	defer close(a.done)
	ticker := time.NewTicker(alarmTick)
	defer ticker.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-ticker.C:
			for _, pid := range a.tick() {
				a.send(pid)
			}
		}
	}
}

// tick handles the ticks until now and returns who is due.
func (a *alarm) tick() (due []*actor.PID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for until := int64(time.Since(a.begun) / alarmTick); a.now < until; {
		a.now++
		slot := a.slot(a.now)
		var later []alarmed
		for _, e := range *slot {
			if e.tick > a.now {
				later = append(later, e)
				continue
			}
			due = append(due, e.pid)
		}
		*slot = later
	}
	return due
}

func (a *alarm) close() {
	close(a.stop)
	<-a.done
}
