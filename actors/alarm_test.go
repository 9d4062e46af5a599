package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

func TestAlarmWakesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := make(chan *actor.PID, 10)
		a := newAlarm(func(pid *actor.PID) { woken <- pid })
		defer a.close()
		begin := time.Now()
		for _, d := range []time.Duration{0, time.Millisecond, alarmTick, 5 * time.Second, 102 * time.Second, 10 * time.Minute} {
			a.after(d, actor.NewPID("", d.String()))
		}
		for _, want := range []time.Duration{0, time.Millisecond, alarmTick, 5 * time.Second, 102 * time.Second, 10 * time.Minute} {
			pid := <-woken
			if took := time.Since(begin); pid.Id != want.String() || took < want || took > want+2*alarmTick {
				t.Errorf("%s woken after %v, want %v", pid.Id, took, want)
			}
		}
	})
}

// An actor that is woken early looks at its deadlines, finds nothing due and sets no alarm again: it would sleep for ever.
func TestLateAlarmIsNeverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, busy, woken := actor.NewPID("", "slow"), make(chan struct{}), make(chan time.Time)
		a := newAlarm(func(pid *actor.PID) {
			if pid == slow {
				close(busy)
				time.Sleep(3 * alarmTick / 2) // the next tick is handled late
				return
			}
			woken <- time.Now()
		})
		defer a.close()
		a.after(0, slow)
		<-busy
		time.Sleep(7 * alarmTick / 5)
		asked := time.Now()
		a.after(alarmTick, actor.NewPID("", "other"))
		if took := (<-woken).Sub(asked); took < alarmTick || took > 2*alarmTick {
			t.Errorf("woken after %v", took)
		}
	})
}
