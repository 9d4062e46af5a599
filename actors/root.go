package actors

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
)

// root owns every chat and connection: it spawns them, supervises them and knows them by name. It is the only one that
// turns a chat's id into a PID, so that a chat has one actor at a time. It decides nothing else and cannot fail.
type root struct {
	router   *Router
	chats    map[string]*chatEntry
	sessions map[uint64]*Session
	draining bool

	// The next actor to be spawned. Props are shared by all actors of a kind (props of their own would cost every
	// idle socket 240 bytes), so the producer finds the new actor here; spawning runs it before Spawn returns.
	nextChat       *chat
	nextConnection *connection
	chatProps      *actor.Props
	connProps      *actor.Props
}

// chatEntry is the root's view of a chat.
type chatEntry struct {
	pid     *actor.PID
	mailbox *mailbox
	joins   uint64        // joins sent to it
	members *atomic.Int32 // kept by the chat
}

// Messages to the root.
type (
	connect struct {
		session *Session
		join    *join
		done    chan<- error
	}
	// subscribeChat joins a session to one more chat; done receives the chat.
	subscribeChat struct {
		chatID string
		join   *join
		done   chan<- *chatEntry
	}
	disconnected struct{ connection uint64 }
	// orphaned names chats with queued messages and no holder.
	orphaned struct{ chatIDs []string }
	// retire is a chat's wish to go. It is granted unless a join is on its way to the chat.
	retire struct {
		chatID string
		joins  uint64
	}
	statusRequest struct{ answer chan<- Status }
	// drain stops accepting and answers with all sessions, in random order.
	drain struct{ sessions chan<- []*Session }
)

func (r *root) Receive(ctx actor.Context) {
	defer r.router.guard(metrics.ActorRoot, ctx, nil)
	switch m := ctx.Message().(type) {
	case *connect:
		r.onConnect(ctx, m)
	case *subscribeChat:
		entry := r.chat(ctx, m.chatID)
		r.join(ctx, entry, m.join)
		m.done <- entry
	case *disconnected:
		delete(r.sessions, m.connection)
	case *orphaned:
		for _, chatID := range m.chatIDs {
			entry := r.chat(ctx, chatID)
			entry.joins++ // it is needed, as by a join
			ctx.Send(entry.pid, &adopt{})
		}
	case *retire:
		r.onRetire(ctx, m)
	case *statusRequest:
		m.answer <- r.status()
	case *drain:
		r.draining = true
		m.sessions <- r.shuffled()
	case *actor.Started:
		r.start(ctx)
	case *actor.Stopped:
		close(r.router.stopped)
	}
}

func (r *root) start(ctx actor.Context) {
	r.chats, r.sessions = make(map[string]*chatEntry), make(map[uint64]*Session)
	r.chatProps = actor.PropsFromProducer(func() actor.Actor { return r.nextChat }, actor.WithMailbox(func() actor.Mailbox { return &r.nextChat.mailbox }))
	r.connProps = actor.PropsFromProducer(func() actor.Actor { return r.nextConnection }, actor.WithMailbox(func() actor.Mailbox { return &r.nextConnection.mailbox }))
	b, p := &bridge{router: r.router}, &persistence{router: r.router}
	r.router.bridge, r.router.persistence = r.service(ctx, b, &b.mailbox), r.service(ctx, p, &p.mailbox)
	close(r.router.started)
}

// service spawns an actor of which there is one.
func (r *root) service(ctx actor.Context, a actor.Actor, m *mailbox) ref {
	m.runners = r.router.runners
	ctx.Spawn(actor.PropsFromProducer(func() actor.Actor { return a }, actor.WithMailbox(func() actor.Mailbox { return m })))
	return ref{m}
}

func (r *root) onConnect(ctx actor.Context, c *connect) {
	if r.draining {
		c.done <- ErrDraining
		return
	}
	s := c.session
	r.nextConnection = &connection{mailbox: mailbox{runners: r.router.runners}, router: r.router, socket: s.socket}
	ctx.Spawn(r.connProps)
	s.connection = &r.nextConnection.mailbox
	r.nextConnection = nil
	r.sessions[s.number] = s
	entry := r.chat(ctx, s.primary.id)
	s.primary.chat = entry.mailbox
	c.join.member = newMember(s.connection, s.primary.sender, s.v1)
	c.join.member.primary = true
	r.join(ctx, entry, c.join)
	c.done <- nil
}

// chat finds or spawns a chat.
func (r *root) chat(ctx actor.Context, chatID string) *chatEntry {
	entry := r.chats[chatID]
	if entry == nil {
		entry = &chatEntry{members: new(atomic.Int32)}
		r.nextChat = &chat{
			mailbox: mailbox{runners: r.router.runners}, id: chatID, router: r.router, count: entry.members,
			recent: places{recent[uint32]{bound: recentKeys}}, saves: saves{done: recent[string]{bound: recentMessages}},
		}
		entry.mailbox = &r.nextChat.mailbox
		entry.pid = ctx.Spawn(r.chatProps)
		r.nextChat = nil
		r.chats[chatID] = entry
		r.router.metrics.Chats.Inc()
	}
	return entry
}

func (r *root) join(ctx actor.Context, entry *chatEntry, j *join) {
	entry.joins++
	ctx.Send(entry.pid, j)
}

func (r *root) onRetire(ctx actor.Context, m *retire) {
	entry := r.chats[m.chatID]
	if entry == nil || entry.joins != m.joins {
		return
	}
	delete(r.chats, m.chatID)
	ctx.Poison(entry.pid)
}

// statusScan bounds how many chats one status looks at.
const statusScan = 20_000

// statusChats bounds how many chats one status names.
const statusChats = 100

func (r *root) status() Status {
	s := Status{Connections: len(r.sessions)}
	scanned := 0
	for chatID, entry := range r.chats {
		if scanned++; scanned > statusScan {
			break
		}
		if n := int(entry.members.Load()); n > 0 {
			s.Chats = append(s.Chats, ChatCount{ChatID: chatID, Count: n})
		}
	}
	slices.SortFunc(s.Chats, func(a, b ChatCount) int { return b.Count - a.Count })
	s.Chats = s.Chats[:min(len(s.Chats), statusChats)]
	return s
}

func (r *root) shuffled() []*Session {
	sessions := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		sessions = append(sessions, s)
	}
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	return sessions
}
