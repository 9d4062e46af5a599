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

// alarm wakes actors: one ticker over slots, no timer each.
type alarm struct {
	send func(pid *actor.PID)
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	now   int             // index of the current slot
	slots [1024][]alarmed // slot i holds what is due when now reaches i, or a round later
}

type alarmed struct {
	pid    *actor.PID
	rounds int
}

func newAlarm(send func(pid *actor.PID)) *alarm {
	a := &alarm{send: send, stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// after wakes pid once, d from now, rounded up to the next tick.
func (a *alarm) after(d time.Duration, pid *actor.PID) {
	ticks := max(1, int((d+alarmTick-1)/alarmTick)+1)
	a.mu.Lock()
	slot := (a.now + ticks) % len(a.slots)
	a.slots[slot] = append(a.slots[slot], alarmed{pid, (ticks - 1) / len(a.slots)})
	a.mu.Unlock()
}

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

// tick moves to the next slot and returns who is due.
func (a *alarm) tick() (due []*actor.PID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = (a.now + 1) % len(a.slots)
	var later []alarmed
	for _, e := range a.slots[a.now] {
		if e.rounds > 0 {
			later = append(later, alarmed{e.pid, e.rounds - 1})
			continue
		}
		due = append(due, e.pid)
	}
	a.slots[a.now] = later
	return due
}

func (a *alarm) close() {
	close(a.stop)
	<-a.done
}
