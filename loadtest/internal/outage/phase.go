package outage

import (
	"context"
	"time"

	"eclipse/internal/fakeapi"
)

// phase is a while with one fault, or without.
type phase struct {
	name      string
	lasts     time.Duration
	untouched func(group) bool

	strike func(context.Context, *run) error // nil: nothing fails
	heal   func(context.Context, *run) error // nil: the fault ends with strike
}

// phases of a run; d is how long the API stays away. Restarts are shorter, since a percentile over a long time would
// show only what is long.
func phases(d time.Duration) []phase {
	everything := func(group) bool { return true }
	return []phase{
		{name: "quiet", lasts: d, untouched: everything},
		{
			name: "API hangs for half", lasts: d, untouched: func(g group) bool { return !g.stuck || g.types() },
			strike: func(_ context.Context, r *run) error { r.hangHalf(); return nil },
			heal:   func(_ context.Context, r *run) error { r.cluster.Stored.Heal(); return nil },
		},
		{
			name: "API down", lasts: d, untouched: group.types,
			strike: func(_ context.Context, r *run) error { r.cluster.StopAPI(); return nil },
			heal:   func(_ context.Context, r *run) error { return r.cluster.StartAPI() },
		},
		{
			name: "Redis restarted", lasts: d / 3, untouched: group.types,
			strike: func(ctx context.Context, r *run) error { return r.cluster.RestartRedis(ctx) },
		},
		{
			name: "router killed", lasts: d / 3, untouched: func(g group) bool { return g.home == onSecond || g.types() },
			strike: func(_ context.Context, r *run) error { r.killFirst(); return nil },
		},
		{name: "quiet again", lasts: d, untouched: everything},
	}
}

func (r *run) hangHalf() {
	for _, c := range r.chats {
		if c.group.stuck && !c.group.types() {
			r.cluster.Stored.Inject(fakeapi.Fault{Kind: fakeapi.Hang, Chat: c.id()})
		}
	}
}

// killFirst ends the first router; that its sockets end is then no fault of its own.
func (r *run) killFirst() {
	r.killed.Store(true)
	r.cluster.KillRouter(0)
}
