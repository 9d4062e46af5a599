package actors

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// outside runs slow work in a goroutine and sends what it returns to an actor. A panic there must not take the process
// along: it is logged, and the actor receives what failed makes of it.
func (r *Router) outside(to *actor.PID, work func() any, failed func(error) any) {
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				r.log.Error("work outside of an actor panicked", slog.String("actor", to.Id),
					slog.String("panic", panicText(reason)), slog.String("stack", string(debug.Stack())))
				r.send(to, failed(fmt.Errorf("panic: %s", panicText(reason))))
			}
		}()
		r.send(to, work())
	}()
}
