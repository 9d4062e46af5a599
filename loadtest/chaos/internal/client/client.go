package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

// Door is what a client needs of the world around it. Its methods do not block.
type Door interface {
	// Enter names the instance that the balancer in front of them would choose now, "" if there is none.
	Enter(random *rand.Rand) (instance int, address string)
	Refused(instance int) // that instance could not be entered
	Acked(instance int)   // an ack of it was read
	Seen(id uint64)       // a message was shown; verify.HashID of its id
	Stored() int          // rows in the database, which is what a loaded history shows
	Sending() bool        // new messages are to be sent
	Unwanted() bool       // the next message is one that the API is to refuse
	Now() time.Duration   // since the run began
}

// Options of a client.
type Options struct {
	Run    uint64 // random, part of every clientMessageId
	Chat   int
	Sender int
	Token  string
	Old    bool          // speak the old protocol
	Every  time.Duration // mean time between two messages, 0 = it only reads
	Size   int           // bytes of a message's content
	Timers Timers
	Seed   uint64
}

// Client is one user in one chat.
type Client struct {
	Record *verify.Client // complete when Run has returned
	Codes  map[string]int // error codes of refusals that may pass; complete when Run has returned

	options Options
	door    Door
	orders  chan Order
	random  *rand.Rand

	// Owned by Run.
	outbox    outbox
	sequence  sequence
	numbers   uint32 // messages made so far
	sentUpTo  uint32 // of these, sent at least once
	nextSay   time.Duration
	attempt   int
	advice    time.Duration // for the next reconnect, 0 = none
	atOnce    bool          // come back without a wait
	absence   time.Duration // come back after it, 0 = after the usual wait
	abandoned []*socket

	mu     sync.Mutex
	status Status
}

// Status is where a client stands.
type Status struct {
	Joined  bool
	Old     bool // it knows neither its place nor what is pending
	Asking  bool // a resume is under way
	Pending int  // messages that are neither stored nor refused
	Sent    int  // messages
	Epoch   string
	Offset  uint64
}

// Order is something that a client is told to do.
type Order struct {
	Do  Deed
	For time.Duration // of Slow and Break; a Break of 0 is followed by the usual wait
}

// Deed is what an order is for.
type Deed uint8

const (
	Break   Deed = iota // the connection, and come back after a wait
	Return              // the same without a wait
	Abandon             // leave the socket open and unread, and come back
	Slow                // stop reading
	Finish              // ask for what follows the own place, as the last thing
)

// New makes a client; Run starts it.
func New(o Options, door Door) *Client {
	return &Client{
		Record: &verify.Client{Chat: o.Chat, Sender: uint16(o.Sender), Old: o.Old}, Codes: map[string]int{},
		options: o, door: door, orders: make(chan Order, 4), outbox: outbox{timers: o.Timers},
		random: rand.New(rand.NewPCG(o.Seed, uint64(o.Chat)<<16|uint64(o.Sender))),
	}
}

// Tell gives an order; it is lost when the client has many to carry out, or is not connected.
func (c *Client) Tell(o Order) {
	select {
	case c.orders <- o:
	default:
	}
}

// Status tells where the client stands.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *Client) publish(s Status) {
	s.Old, s.Sent = c.options.Old, int(c.sentUpTo)
	s.Pending, s.Epoch, s.Offset = len(c.outbox.items), c.sequence.at.epoch, c.sequence.at.offset
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = s
}

// Run plays the client until the context ends.
func (c *Client) Run(ctx context.Context) {
	defer func() {
		for _, s := range c.abandoned {
			s.drop()
		}
	}()
	c.nextSay = c.door.Now() + c.interval()
	for ctx.Err() == nil {
		if s := c.open(ctx); s != nil {
			c.serve(ctx, s)
		}
		c.publish(Status{})
		c.rest(ctx)
	}
}

// rest waits before coming back.
func (c *Client) rest(ctx context.Context) {
	wait := backoff(c.random, c.attempt, c.options.Timers.Backoff, c.options.Timers.BackoffMost)
	switch {
	case c.atOnce:
		wait = 0
	case c.absence > 0:
		wait = c.absence
	case c.advice > 0:
		wait = c.advice + time.Duration(c.random.Float64()*float64(min(c.advice, c.options.Timers.Backoff/2)))
	}
	c.attempt++
	c.atOnce, c.absence, c.advice = false, 0, 0
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-c.orders: // it is about a connection, and there is none
		}
	}
}

func (c *Client) note(e verify.Event) {
	e.At = c.door.Now()
	c.Record.Events = append(c.Record.Events, e)
}

// interval is the time to the next message.
func (c *Client) interval() time.Duration {
	return time.Duration(c.random.ExpFloat64() * float64(c.options.Every))
}

// compose makes the messages that are due.
func (c *Client) compose(now time.Duration) {
	if c.options.Every == 0 {
		return
	}
	for ; c.nextSay <= now; c.nextSay += c.interval() {
		if c.door.Sending() && c.outbox.add(c.numbers+1, c.door.Unwanted()) {
			c.numbers++
		}
	}
}

func (p position) event(k verify.Kind) verify.Event {
	return verify.Event{Kind: k, Epoch: verify.EpochOf(p.epoch), Offset: uint32(p.offset)}
}
