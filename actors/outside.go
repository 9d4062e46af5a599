package actors

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/workers"
)

// maxIdleOutside is how many goroutines for slow work are kept without any.
const maxIdleOutside = 16

func newOutside() *workers.Pool[func()] {
	return workers.New(maxIdleOutside, func(work func()) { work() })
}

// outside runs slow work in a goroutine and sends what it returns to an actor. A panic there must not take the process
// along: it is logged, and the actor receives what failed makes of it.
func (r *Router) outside(to *actor.PID, work func() any, failed func(error) any) {
	r.slow.Run(func() {
		defer func() {
			if reason := recover(); reason != nil {
				r.send(to, failed(r.panicked("work outside of an actor panicked", reason, slog.String("actor", to.Id))))
			}
		}()
		r.send(to, work())
	})
}
