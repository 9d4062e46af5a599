package actors

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// outside runs slow work in a goroutine and sends what it returns to an actor. A panic there must not take the process
// along: it is logged, and the actor receives what failed makes of it.
func (r *Router) outside(to *actor.PID, work func() any, failed func(error) any) {
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				r.send(to, failed(r.panicked("work outside of an actor panicked", reason, slog.String("actor", to.Id))))
			}
		}()
		r.send(to, work())
	}()
}
