package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// connection is one socket's outbound side: it gathers the frames that chats send it and writes them at once.
//
// Its life: frames are framed into a borrowed buffer; when the mailbox runs empty the buffer is offered to the
// kernel without blocking. What the kernel does not take is written by a goroutine, and until that reports back
// frames wait in a bounded backlog. It ends when the gateway reports the socket gone.
type connection struct {
	mailbox mailbox
	router  *Router
	socket  Socket
	self    *actor.PID
	out     *[]byte // framed and not yet written; nil while there is nothing
	backlog backlog // frames that arrived while a write is under way
	queued  int     // bytes that the router's gauge knows of
	writing bool    // a goroutine holds out
	said    bool    // the close frame was written, or is being written
	pingDue bool
	greeted bool // until then frames wait in the backlog, so that the greeting is the first
	state   lifecycle
	goodbye goodbye   // the close frame that is due once everything queued was written
	sent    [3]uint32 // frames gathered since the last write, by class
}

type lifecycle uint8

const (
	open    lifecycle = iota
	closing           // a close frame is queued; nothing more is accepted
	closed            // the socket is closed; the reader will report it gone
)

// Messages to a connection, besides *wire.Frame.
type (
	heartbeat struct{}
	pong      struct{ data []byte }
	goodbye   struct {
		code   wire.CloseCode
		reason string
	}
	gone    struct{}
	written struct{ err error }
)

var (
	theHeartbeat = &heartbeat{}
	isGone       = &gone{}
)

// writeChunk bounds what is gathered before a write is tried although more frames wait.
const writeChunk = 16 << 10

// writeTimeout is how long a socket may take nothing before it counts as dead.
const writeTimeout = 10 * time.Second

var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func (c *connection) Receive(ctx actor.Context) {
	defer c.router.guard(metrics.ActorConnection, ctx, func(any) { c.hangUp() }) // perhaps in the middle of a frame
	switch m := ctx.Message().(type) {
	case *wire.Frame:
		for more := true; more; m, more = another[*wire.Frame](&c.mailbox) {
			c.deliver(m)
		}
	case *written:
		c.onWritten(m.err)
	case *heartbeat:
		c.ping()
	case *pong:
		if !c.writing && c.state == open {
			out := c.borrow()
			*out = c.socket.AppendPong(*out, m.data)
		}
	case *goodbye:
		c.sayGoodbye(*m)
	case *gone:
		ctx.Stop(c.self)
	case *actor.Started:
		c.self = ctx.Self()
	case *actor.Stopped:
		c.release()
	}
	if c.mailbox.last() {
		c.flush()
	}
}

// ping asks the peer for a sign of life, at once or behind the write that is under way.
func (c *connection) ping() {
	switch {
	case c.state != open:
	case c.writing:
		c.pingDue = true
	default:
		out := c.borrow()
		*out = c.socket.AppendPing(*out)
	}
}

// deliver queues a frame behind all that was queued before.
func (c *connection) deliver(f *wire.Frame) {
	if c.state != open {
		c.router.metrics.Drop(metrics.DropSocketGone)
		return
	}
	if f.Greeting && !c.greeted {
		c.greet(f)
		return
	}
	if c.greeted && !c.writing {
		c.append(f)
		return
	}
	dropped, fits := c.backlog.push(f, c.router.cfg.MaxQueueBytes)
	if dropped > 0 {
		c.router.metrics.DropN(metrics.DropSlowReaderEphemeral, dropped)
	}
	if !fits {
		c.backlog.clear(c.router.metrics, metrics.DropSlowReaderClosed)
		c.sayGoodbye(goodbye{wire.CloseTooSlow, wire.CloseTooSlow.Reason()})
	}
	c.account()
}

// greet sends the first frame, then what has waited for it.
func (c *connection) greet(f *wire.Frame) {
	c.greeted = true
	c.append(f)
	c.appendWaiting()
}

// appendWaiting moves frames from the backlog into the buffer, until a write has to be waited for.
func (c *connection) appendWaiting() {
	for i, frames := 0, c.backlog.take(); i < len(frames); i++ {
		if c.writing {
			c.backlog.frames = append(c.backlog.frames, frames[i])
			c.backlog.bytes += len(frames[i].Payload)
			continue
		}
		c.append(frames[i])
	}
	c.account()
}

func (c *connection) append(f *wire.Frame) {
	out := c.borrow()
	*out = c.socket.AppendText(*out, f.Payload)
	c.sent[f.Class]++
	if len(*out) >= writeChunk {
		c.flush()
	}
}

func (c *connection) borrow() *[]byte {
	if c.out == nil {
		c.out = writeBuffers.Get().(*[]byte)
	}
	return c.out
}

// flush offers what is gathered to the kernel.
func (c *connection) flush() {
	if c.writing || c.state == closed {
		return
	}
	if c.out == nil {
		c.finish()
		return
	}
	c.count()
	n, err := c.socket.TryWrite(*c.out)
	switch {
	case err != nil:
		c.hangUp()
	case n < len(*c.out):
		c.writeOutside((*c.out)[n:])
	default:
		c.giveBack()
		c.finish()
	}
}

// count tells the metrics what is about to be written: once per write, since a counter is shared by all cores.
func (c *connection) count() {
	for class, n := range c.sent {
		if n > 0 {
			c.router.metrics.FrameOut(uint8(class), int(n))
		}
	}
	if n := c.sent[wire.Sequenced]; n > 0 {
		c.router.metrics.Deliveries.Add(float64(n))
	}
	c.sent = [3]uint32{}
}

// writeOutside lets a goroutine wait for a reader that is slower than we are.
func (c *connection) writeOutside(rest []byte) {
	c.writing = true
	c.account()
	socket := c.socket
	c.router.outside(c.self, func() any {
		return &written{socket.Write(rest, time.Now().Add(writeTimeout))}
	}, func(err error) any { return &written{err} })
}

func (c *connection) onWritten(err error) {
	c.writing = false
	c.giveBack()
	if err != nil {
		c.hangUp()
		return
	}
	if c.pingDue {
		c.pingDue = false
		c.ping()
	}
	if c.greeted {
		c.appendWaiting()
	}
	if !c.writing {
		c.flush()
	}
}

func (c *connection) sayGoodbye(g goodbye) {
	if c.state != open {
		return
	}
	c.state, c.goodbye = closing, g
	if !c.writing {
		c.flush()
	}
}

// finish writes the close frame once nothing is queued before it.
func (c *connection) finish() {
	if c.state != closing {
		return
	}
	if c.said {
		c.hangUp()
		return
	}
	c.said = true
	out := c.borrow()
	*out = c.socket.AppendClose(*out, c.goodbye.code, c.goodbye.reason)
	if n, err := c.socket.TryWrite(*out); err == nil && n < len(*out) {
		c.writeOutside((*out)[n:]) // a slow reader's kernel is full: it still learns the code if it reads on
		return
	}
	c.hangUp()
}

func (c *connection) hangUp() {
	if c.state == closed {
		return
	}
	c.state = closed
	c.giveBack()
	c.backlog.clear(c.router.metrics, metrics.DropSocketGone)
	c.account()
	c.socket.Close()
}

// giveBack returns the buffer to the pool, unless a goroutine still writes from it.
func (c *connection) giveBack() {
	if c.out == nil {
		return
	}
	if !c.writing && cap(*c.out) <= 2*writeChunk {
		*c.out = (*c.out)[:0]
		writeBuffers.Put(c.out)
	}
	c.out = nil
}

// account keeps the gauge of queued bytes true.
func (c *connection) account() {
	now := c.backlog.bytes
	if c.writing && c.out != nil {
		now += len(*c.out)
	}
	if now != c.queued {
		c.router.metrics.QueueBytes.Add(float64(now - c.queued))
		c.queued = now
	}
}

// release ends the life of a connection whose socket is gone.
func (c *connection) release() {
	c.hangUp()
	c.mailbox.end(c.router.metrics)
}
