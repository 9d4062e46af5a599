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
