package actors

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

// trap stands in an actor's way out: what the actor sends passes it in the actor's own goroutine, where it can panic
// as a bug would, or wait.
type trap struct {
	to address // who receives what passes, nil = nobody

	mu     sync.Mutex
	armed  func(message any) bool
	sprung bool
	frames []string
}

func (p *trap) post(message any, by *runner) {
	inner := actor.UnwrapEnvelopeMessage(message)
	p.mu.Lock()
	if p.armed != nil && p.armed(inner) {
		p.armed, p.sprung = nil, true
		p.mu.Unlock()
		panic("trap")
	}
	if f, ok := inner.(*wire.Frame); ok {
		p.frames = append(p.frames, string(f.Payload))
	}
	p.mu.Unlock()
	if p.to != nil {
		p.to.post(message, by)
	}
}

// arm makes the next message that matches panic.
func (p *trap) arm(match func(message any) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.sprung = match, false
}

func (p *trap) hasSprung() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sprung
}

// saw counts the frames that passed and contain a text.
func (p *trap) saw(text string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.frames {
		if strings.Contains(f, text) {
			n++
		}
	}
	return n
}

// Traps before the services have to be set before the first chat.
func (f *fixture) trapBridge() *trap {
	p := &trap{to: f.bridge.address}
	f.bridge = ref{p}
	return p
}

func (f *fixture) trapPersistence() *trap {
	p := &trap{to: f.persistence.address}
	f.persistence = ref{p}
	return p
}

// trapped is the connection's number of the first trap that is a member.
const trapped = 1 << 59

// trapMember joins a trap to a chat as a part-2 member, the last to hear what is broadcast.
func (f *fixture) trapMember(chatID string) (p *trap, chat *actor.PID) {
	p = &trap{}
	sender := &messages.Sender{UserId: "trap", Authenticated: true, Connection: trapped}
	done := make(chan *chatEntry, 1)
	f.sendRoot(&subscribeChat{chatID: chatID, done: done, join: &join{member: newMember(p, sender, true)}})
	chat = (<-done).pid
	eventually(f.t, "the trap is set", func() bool { return p.saw(`"subscribed"`) == 1 })
	return p, chat
}

func isA[T any](message any) bool { _, ok := message.(T); return ok }

// frameWith matches frames that contain all of some texts.
func frameWith(texts ...string) func(any) bool {
	return func(message any) bool {
		f, ok := message.(*wire.Frame)
		for _, text := range texts {
			ok = ok && strings.Contains(string(f.Payload), text)
		}
		return ok
	}
}

// ended tells whether an actor is no more.
func (f *fixture) ended(pid *actor.PID) bool {
	_, alive := f.system.ProcessRegistry.GetLocal(pid.Id)
	return !alive
}

// routed waits until it is known by which route the API stores.
func (f *fixture) routed(route int32) {
	f.t.Helper()
	eventually(f.t, "the route is known", func() bool { return f.route.Load() == route })
}

// hookedAPI is an API whose answers a test may give instead. A hook that returns nil or false leaves it to the API.
type hookedAPI struct {
	*fakeAPI
	mu     sync.Mutex
	before func(call string) // runs before each call, by the method's name
	probe  func(context.Context) nextapi.Result
}

func (a *hookedAPI) hook(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *hookedAPI) called(name string) {
	a.mu.Lock()
	before := a.before
	a.mu.Unlock()
	if before != nil {
		before(name)
	}
}

func (a *hookedAPI) StoreBatch(ctx context.Context, ms []nextapi.Message) []nextapi.Result {
	a.called("StoreBatch")
	return a.fakeAPI.StoreBatch(ctx, ms)
}

func (a *hookedAPI) Store(ctx context.Context, m nextapi.Message) nextapi.Result {
	a.called("Store")
	return a.fakeAPI.Store(ctx, m)
}

func (a *hookedAPI) User(ctx context.Context, id string) (nextapi.User, nextapi.Result) {
	a.called("User")
	return a.fakeAPI.User(ctx, id)
}

func (a *hookedAPI) Probe(ctx context.Context) nextapi.Result {
	a.called("Probe")
	a.mu.Lock()
	probe := a.probe
	a.mu.Unlock()
	if probe != nil {
		return probe(ctx)
	}
	return a.fakeAPI.Probe(ctx)
}

// router starts one on a log in memory, and does not close it.
func router(t *testing.T, cfg Config, api nextapi.API) *Router {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	return Start(cfg, Deps{Log: m, Outbox: m, Bus: m, API: api, Metrics: metrics.New(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

func (a *hookedAPI) start(t *testing.T, cfg Config) *fixture {
	r := router(t, cfg, a)
	t.Cleanup(r.Close)
	return &fixture{Router: r, t: t, api: a.fakeAPI}
}

// awhile is how long a test waits for what must not happen.
const awhile = 150 * time.Millisecond

// all returns every frame, in order.
func (s *fakeSocket) all() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames)
}
