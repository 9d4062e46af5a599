package actors

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/nextapi"
)

// opened is an actor in whose goroutine a test may run code.
type opened struct{ actor.Actor }

func (o *opened) Receive(ctx actor.Context) {
	if run, ok := ctx.Message().(func()); ok {
		run()
		return
	}
	o.Actor.Receive(ctx)
}

// openPersistence puts a persistence in place whose state a test may change through the function that it returns.
func (f *fixture) openPersistence() (p *persistence, do func(func())) {
	p = &persistence{router: f.Router}
	p.mailbox.runners = f.runners
	pid := f.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &opened{p} }, actor.WithMailbox(func() actor.Mailbox { return &p.mailbox })))
	f.t.Cleanup(func() { _ = f.system.Root.StopFuture(pid).Wait() })
	f.persistence = ref{&p.mailbox}
	return p, func(run func()) {
		done := make(chan struct{})
		f.send(pid, func() { defer close(done); run() })
		<-done
	}
}

// However the old API answers to a path that it lacks, messages keep going by the route that works; and a batch route
// that appears is found.
func TestOddAnswersToTheProbeChangeNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(context.Context) nextapi.Result
	}{
		{"500", func(context.Context) nextapi.Result { return nextapi.Result{Class: nextapi.Ambiguous, Status: 500} }},
		{"403", func(context.Context) nextapi.Result { return nextapi.Result{Class: nextapi.Denied, Status: 403} }},
		{"503", func(context.Context) nextapi.Result { return nextapi.Result{Class: nextapi.Retry, Status: 503} }},
		{"hang", func(ctx context.Context) nextapi.Result {
			<-ctx.Done()
			return nextapi.Result{Class: nextapi.Ambiguous, Err: ctx.Err()}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := &hookedAPI{fakeAPI: newAPI()}
			api.fakeAPI.old = true
			cfg := patient()
			cfg.SaveTimeout = 500 * time.Millisecond
			f := api.start(t, cfg)
			p, do := f.openPersistence()
			known := func() (known bool) { do(func() { known = !p.probing && !p.probeAt.IsZero() }); return known }
			eventually(t, "the API is known to be old", known)
			asked := make(chan struct{}, 100)
			api.hook(func() {
				api.probe = func(ctx context.Context) nextapi.Result {
					asked <- struct{}{}
					return c.answer(ctx)
				}
			})
			again := func() { do(func() { now := time.Now(); p.probeAt = now; p.run(now) }) }
			again()
			<-asked
			client := f.connect("c1", "u1", signedIn, part2)
			client.sayID("meanwhile", "id-1")
			client.hears("ack", 1)
			eventually(t, "the probe is over", known)
			client.sayID("after", "id-2")
			client.hears("ack", 2)
			if f.route.Load() != routeSingle || client.count("error") != 0 {
				t.Errorf("route %d, errors %v", f.route.Load(), client.of("error"))
			}
			api.hook(func() { api.probe = nil })
			f.api.set(func() { f.api.old = false })
			again()
			f.routed(routeBatch)
			client.sayID("by the batch route", "id-3")
			client.hears("ack", 3)
			if got := f.api.stored(); !slices.Equal(got, []string{"meanwhile", "after", "by the batch route"}) {
				t.Errorf("stored %v", got)
			}
			if len(f.api.sizes) != 1 {
				t.Errorf("%d calls of the batch route", len(f.api.sizes))
			}
		})
	}
}
