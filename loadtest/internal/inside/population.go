package inside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"time"

	"eclipse/actors"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
	"eclipse/loadtest/internal/plan"
)

// population is chats of sockets that lead nowhere. It grows; only one goroutine uses it at a time.
type population struct {
	router  *actors.Router // nil: the sessions are the generator's own yardstick
	log     *log
	crew    []landings // one per sender
	chats   []chat     // chat i belongs to sender i modulo their number
	perChat int
	v1      bool
}

type chat struct {
	sessions []actors.GatewaySession
	sockets  []*socket
	said     int // messages so far; its sender's
}

// newPopulation starts a router without chats. perChat is the number of sockets of each.
func newPopulation(perChat int, v1 bool) *population {
	p := &population{perChat: perChat, v1: v1, crew: make([]landings, runtime.GOMAXPROCS(0)), log: newLog()}
	p.router = actors.Start(actors.Config{}, actors.Deps{
		Log: p.log, Outbox: p.log, Bus: p.log, API: api{}, Metrics: metrics.New(), Logger: slog.New(slog.DiscardHandler),
	})
	return p
}

func (p *population) close() {
	if p.router != nil {
		p.router.Close()
		p.log.Close()
	}
}

// grow connects sockets until there are n chats, and returns when each has been greeted.
func (p *population) grow(ctx context.Context, n int) error {
	first := len(p.chats)
	p.chats = append(p.chats, make([]chat, n-first)...)
	fresh := p.chats[first:]
	faults := make([]error, len(p.crew))
	var connecting sync.WaitGroup
	for i := range p.crew {
		from, size := plan.Share(len(fresh), i, len(p.crew))
		connecting.Go(func() {
			for k := from; k < from+size && faults[i] == nil; k++ {
				faults[i] = p.connect(ctx, first+k)
			}
		})
	}
	connecting.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for i := range fresh {
		for _, s := range fresh[i].sockets {
			if !eventually(ctx, time.Millisecond, s.greeted.Load) {
				return errors.New("a socket was not greeted")
			}
		}
	}
	return nil
}

// connect opens the sockets of chat number k. The first is a visitor's, the others are agents'.
func (p *population) connect(ctx context.Context, k int) error {
	c := &p.chats[k]
	c.sessions, c.sockets = make([]actors.GatewaySession, p.perChat), make([]*socket, p.perChat)
	id := "inside-" + strconv.Itoa(k)
	for i := range c.sockets {
		c.sockets[i] = &socket{}
		if i == p.perChat-1 {
			c.sockets[i].landings = &p.crew[k%len(p.crew)]
		}
		user := "anon_" + id
		if i > 0 {
			user = "agent_" + strconv.Itoa(i) + "_" + id
		}
		var err error
		if c.sessions[i], err = p.router.Connect(ctx, actors.ConnectRequest{
			Socket: c.sockets[i], V1: p.v1,
			Identity: actors.Identity{UserID: user, ChatID: id, Authenticated: i > 0, ExpiresAt: time.Now().Add(24 * time.Hour)},
		}); err != nil {
			return fmt.Errorf("connecting a socket: %w", err)
		}
	}
	return nil
}

// counts adds up what all sockets have received.
func (p *population) counts() (frames, bytes, errors int64) {
	for i := range p.chats {
		for _, s := range p.chats[i].sockets {
			frames += s.frames.Load()
			bytes += s.bytes.Load()
			errors += s.foreign.Load()
		}
	}
	return frames, bytes, errors
}

// yardstick is a population whose sessions hand each frame to the sockets themselves: what the generator and the
// sockets cost without any actor.
func yardstick(chats, perChat int) *population {
	p := &population{perChat: perChat, crew: make([]landings, runtime.GOMAXPROCS(0)), chats: make([]chat, chats)}
	for k := range p.chats {
		c := &p.chats[k]
		c.sessions, c.sockets = make([]actors.GatewaySession, perChat), make([]*socket, perChat)
		for i := range c.sockets {
			c.sockets[i] = &socket{}
			c.sessions[i] = &direct{sockets: c.sockets}
		}
		c.sockets[perChat-1].landings = &p.crew[k%len(p.crew)]
	}
	return p
}

// direct is a session without actors.
type direct struct {
	actors.GatewaySession // nil: nothing but Handle is called
	sockets               []*socket
	buf                   []byte
}

// yardPayload is as long as a typing frame of the router.
var yardPayload = []byte(`{"type":"typing","data":{"userId":"agent_1_inside-123","isTyping":true},"timestamp":"2026-01-02T03:04:05.000Z","chatId":"inside-123"}`)

// Handle frames a payload for each socket.
func (d *direct) Handle(f wire.ClientFrame) {
	for _, s := range d.sockets {
		if f.Kind == wire.KindTyping && s == d.sockets[0] {
			continue // typing does not come back to its sender
		}
		d.buf = s.AppendText(d.buf[:0], yardPayload)
		_, _ = s.TryWrite(d.buf)
	}
}

// patience bounds every wait for the router.
const patience = 30 * time.Second

// eventually looks again after each nap until a condition holds, false when it never does.
func eventually(ctx context.Context, nap time.Duration, ok func() bool) bool {
	for end := time.Now().Add(patience); !ok(); time.Sleep(nap) {
		if time.Now().After(end) || ctx.Err() != nil {
			return false
		}
	}
	return true
}
