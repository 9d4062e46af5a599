// Package chatlog keeps the ordered log of each chat, the outbox and the pub/sub bus beside it, so that many instances
// act as one. There are three implementations with one contract suite: Redis, Disk (one router, a file) and Memory
// (one process, nothing lasts).
//
// A log is an epoch and entries with offsets 1, 2, 3 … without holes. Appending is one atomic step: a known event
// key answers with the entry that has it; otherwise the next offset is taken, the entry is logged and published
// on the chat's channel, sealed with its offset and epoch. Epochs are strings of fixed length that compare as bytes;
// the greater one wins. An epoch begins anew when any of a chat's keys was lost.
//
// Who may call: the bridge actor, from goroutines outside Receive. Calls on Redis and Disk block up to their context's
// deadline (ten seconds without one), calls on Memory never. It imports nothing of ours. It never retries, and drops nothing:
// what could not be done is an error, and the caller decides. Only what is published while a feed is down is not heard.
//
// Event keys are known for at least KeyAge, a log as a whole for at least Retention after its last use, and the last
// Window entries of it can be read. Bodies and payloads are shared, not copied: nobody changes them.
package chatlog

import (
	"context"
	"errors"
	"time"
)

// Position is a place in a chat's log. The zero Position is before everything.
type Position struct {
	Epoch  string
	Offset uint64
}

// Append asks for one atomic step of a chat: an event is logged, a message enters the outbox, one leaves it, or several
// of these together. What is nil is not done.
type Append struct {
	ChatID  string
	Key     string   // event key: the same event has the same key on every instance
	Aliases []string // further keys that shall find this entry (sender and clientMessageId), optional
	Body    []byte   // a JSON object without offset and epoch; Seal adds them. nil: nothing is logged
	Queue   *Item    // enters the outbox, unless the log knows Key or an alias and the item is not queued (Repeat), or it is there already
	Done    *Done    // leaves the outbox; a wrong fence fails the whole step with ErrFenced
	Epoch   string   // of a step with Queue: what its caller has entered before is in the log of this epoch; in a later one the step fails with ErrEpoch
	Notice  []byte   // is published on the channel, unsequenced, when the step was carried out and was no Repeat of a Queue
}

// Appended is the answer to one Append.
type Appended struct {
	Position Position    // of a step that logs nothing the epoch alone: a new one tells that log and outbox were lost
	Repeat   bool        // the key was known: Position is the entry that has it, nothing was logged or published
	Payload  []byte      // the sealed payload as logged; nil when Repeat and the entry was trimmed from the window
	Outbox   OutboxState // after the step; only of steps with Queue or Done
	Err      error       // this append failed (the others may have succeeded); the outcome is unknown unless errors.Is(Err, ErrRefused)
}

// Entry is one logged event.
type Entry struct {
	Offset  uint64
	Key     string
	Payload []byte // sealed
}

// Head is where a chat's log ends.
type Head struct {
	Position
	Queued bool // messages of the chat wait in the outbox
}

// Page is what Read returns.
type Page struct {
	Head    Position // the log's last entry
	Entries []Entry  // in order, right after the asked position, at most max
	Gap     bool     // the asked position cannot be continued without loss: another epoch, or entries trimmed; Entries start at the oldest kept
}

// Log is the ordered log of every chat. Every method is safe for concurrent use. Appends for one chat by sequential
// calls keep their order.
type Log interface {
	// Append logs each item in order. The result has the same length and order, and each item its own outcome. When the store
	// fails one, the later ones of its chat are not logged and fail as well, so that none overtakes it.
	// An item without a key, or whose body is no object, is refused alone.
	Append(ctx context.Context, items []Append) []Appended
	// Read returns the entries after a position; max is at least 1.
	Read(ctx context.Context, chatID string, after Position, max int) (Page, error)
	// Heads returns the last position of each chat, in order, and keeps their keys alive for another Retention.
	// A chat without a log gets one: an epoch and offset 0.
	Heads(ctx context.Context, chatIDs []string) ([]Head, error)
	// Lookup finds the entries that have these keys or aliases; the result has the same length, nil where a key is
	// unknown. An entry that was trimmed from the window has no Payload, and as Key the last of its names in byte order.
	Lookup(ctx context.Context, chatID string, keys []string) ([]*Entry, error)
}

// Publication is one unsequenced payload for a chat's channel (typing, presence, read).
type Publication struct {
	ChatID  string
	Payload []byte
	Heard   int // set by Publish: how many feeds listen to the channel, our own among them
}

// Bus is the pub/sub beside the log.
type Bus interface {
	// Publish sends each payload to every subscriber of its chat's channel, at most once. Memory and Disk deliver
	// to other handles' feeds only; Redis also to our own (the receiver drops its own echo by the origin in the payload).
	Publish(ctx context.Context, items []Publication) error
	// Dial opens a feed: one pub/sub connection. deliver is called from one goroutine, in order, must not block,
	// and must not keep payload; it stops before Done is closed.
	Dial(ctx context.Context, deliver func(chatID string, payload []byte)) (Feed, error)
	// Ping tells whether the server answers commands.
	Ping(ctx context.Context) error
	Close() error
}

// Feed is one pub/sub connection. When it breaks it is gone for good: Dial a new one, subscribe again, and compare
// the heads, since what was published meanwhile was not heard.
type Feed interface {
	// Subscribe returns when the server has confirmed every channel. At most MaxChats a call. When the context ends first,
	// the feed ends too, since what the server heard is unknown; a refusal (ErrRefused) leaves it as it was. So does Unsubscribe.
	Subscribe(ctx context.Context, chatIDs []string) error
	Unsubscribe(ctx context.Context, chatIDs []string) error
	// Probe publishes to a channel of this feed's own and waits until it arrives: a connection may be up and silent.
	// A failed probe leaves the feed open; the caller closes it.
	Probe(ctx context.Context) error
	// Done is closed when the connection is gone; Err then says why (nil before).
	Done() <-chan struct{}
	Err() error
	// Close ends the feed with ErrClosed and returns once deliver runs no more, so it is not for deliver to call.
	Close() error
}

// ErrRefused: the store answered and did nothing (out of memory, read only, wrong type). Anything else is
// an unknown outcome: the append may have happened, and appending the same key again is safe.
var ErrRefused = errors.New("chatlog: refused")

// Options of every implementation; zero values mean the defaults.
type Options struct {
	Window    int           // entries kept per chat at least, default 1000; Redis may keep some hundred more
	Retention time.Duration // how long counter and event keys outlive the last append or Heads, default 48 h (at least 24 h)
	Holder    string        // names this handle in leases, unique among all; default random
	Lease     time.Duration // how long a lease lasts unless renewed, default 5 s
}
