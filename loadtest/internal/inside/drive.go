package inside

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"eclipse/internal/wire"
	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/pace"
	"eclipse/loadtest/internal/report"
)

// drive is one closed loop over a population.
type drive struct {
	typing bool
	window int           // messages on their way, all chats together
	length time.Duration // of sending
	once   bool          // instead: one message in each chat
	size   int           // bytes of a message's content
	self   host.Meter    // of this process
}

// run sends, waits for the last delivery, listens a little longer and says how it went.
func (d drive) run(ctx context.Context, p *population, name string) (report.ActorPart, error) {
	part := report.ActorPart{Name: name, Chats: len(p.chats), Sockets: p.perChat}
	frames, bytes, already := p.counts()
	before, err := d.self(ctx)
	if err != nil {
		return part, err
	}
	sent := make([]int64, len(p.crew))
	var senders sync.WaitGroup
	for i := range p.crew {
		senders.Go(func() { sent[i] = d.send(ctx, p, i) })
	}
	senders.Wait()
	after, err := d.self(ctx)
	if err != nil {
		return part, err
	}
	part.Seconds = after.At.Sub(before.At).Seconds()
	cpu := (after.CPU - before.CPU).Seconds()
	for _, n := range sent {
		part.Sent += n
	}
	expected := func(refused int64) int64 { return (part.Sent - refused) * int64(p.receivers(d.typing)) }
	eventually(ctx, time.Millisecond, func() bool {
		now, _, refused := p.counts()
		return now-frames >= expected(refused-already)
	})
	_ = pace.Wait(ctx, pace.Echo) // a repeat of the last one is heard too; ctx is looked at in the end
	now, all, refused := p.counts()
	part.Delivered, part.Refused = now-frames, refused-already
	part.Expected = expected(part.Refused)
	part.BytesPerDelivery = per(float64(all-bytes), part.Delivered)
	part.SentPerSecond, part.DeliveredPerSecond = float64(part.Sent)/part.Seconds, float64(part.Delivered)/part.Seconds
	part.CPUUsPerMessage, part.CPUUsPerDelivery = per(1e6*cpu, part.Sent), per(1e6*cpu, part.Delivered)
	part.Processors = cpu / part.Seconds
	return part, ctx.Err()
}

func per(x float64, n int64) float64 { return x / float64(max(n, 1)) }

// receivers is the number of deliveries that one message must cause.
func (p *population) receivers(typing bool) int {
	if typing {
		return p.perChat - 1
	}
	return p.perChat
}

// send is one sender: it goes round its chats as long as the window allows, and returns when the last message that it
// sent has landed.
func (d drive) send(ctx context.Context, p *population, sender int) (sent int64) {
	var (
		landed = &p.crew[sender].n
		before = landed.Load()
		window = int64(max(1, d.window/len(p.crew)))
		over   = len(p.chats) <= sender
		end    = time.Now().Add(d.length)
	)
	for !over {
		for k := sender; k < len(p.chats); k += len(p.crew) {
			if !pause(ctx, func() bool { return sent-(landed.Load()-before) < window }) {
				return sent
			}
			c := &p.chats[k]
			c.sessions[0].Handle(d.frame(c, p.v1))
			sent++
			const look = 64 // messages between two looks at the clock
			if over = d.once && k+len(p.crew) >= len(p.chats) || !d.once && sent%look == 0 && time.Now().After(end); over {
				break
			}
		}
	}
	pause(ctx, func() bool { return landed.Load()-before >= sent })
	return sent
}

// frame is a chat's next one. Typing alternates, since a server may ignore what changes nothing.
func (d drive) frame(c *chat, v1 bool) wire.ClientFrame {
	c.said++
	if d.typing {
		return wire.ClientFrame{Kind: wire.KindTyping, IsTyping: c.said%2 == 1}
	}
	f := wire.ClientFrame{Kind: wire.KindMessage, Content: filler[:d.size], Role: wire.RoleUser}
	if v1 {
		f.ClientMessageID = "inside-" + strconv.Itoa(c.said)
	}
	return f
}

// filler is what messages say.
var filler = strings.Repeat("abcdefghijklmnopqrstuvwxyz 0123456789.", 1+maxSize/38)

const maxSize = 16_000 // bytes of a content

// pause waits for landings. It yields first and then sleeps shortly: a sender that spins would take the actors' processor.
func pause(ctx context.Context, ok func() bool) bool {
	for range 10 {
		if ok() {
			return true
		}
		runtime.Gosched()
	}
	return eventually(ctx, 20*time.Microsecond, ok)
}
