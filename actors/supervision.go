package actors

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
)

// resume keeps an actor that panicked, with its state and its mailbox; only the message in hand is lost, and guard
// has answered it. It is the strategy of the root: no chat, connection or service ever takes another one with it.
type resume struct{}

func (resume) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.ResumeChildren(child)
}

// guard is deferred in Receive: it counts and logs a panic, lets the actor answer whoever waits, and hands the panic
// on to supervision. The log names the kind of the message and never its content.
func (r *Router) guard(kind metrics.Actor, ctx actor.Context, answer func(message any)) {
	reason := recover()
	if reason == nil {
		return
	}
	r.metrics.Panic(kind)
	_ = r.panicked("an actor panicked and goes on", reason, slog.String("actor", ctx.Self().Id), slog.String("message", typeName(ctx.Message())))
	if answer != nil {
		answer(ctx.Message())
	}
	panic(reason)
}

// panicked logs a panic that was recovered and makes an error of it. Neither has values that may be content.
func (r *Router) panicked(what string, reason any, attributes ...any) error {
	text := panicText(reason)
	r.log.With(attributes...).Error(what, slog.String("panic", text), slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("panic: %s", text)
}
