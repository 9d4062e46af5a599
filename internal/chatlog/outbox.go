package chatlog

import (
	"context"
	"errors"
	"time"
)

// Outbox keeps the messages that were accepted and that the API does not have yet: a queue per chat, beside its log, in
// the order in which they entered. They enter and leave it by Log.Append, in one step with the log.
//
// Any handle lets messages enter; only the holder of the chat's lease posts them. A lease lasts Options.Lease and is
// renewed; each new holder has a greater fence, and a step that takes a message out is carried out for the present
// fence only, so a holder that was paused and wakes up cannot commit. A message that enters takes the lease for its
// handle when nobody holds it; when the last one leaves, the lease ends. Whoever holds none learns of new work by a
// QueuedNotice on the channel.
//
// Every method is safe for concurrent use. Nothing expires by itself: a message stays until Done, a dead letter until Discard
// (see ExpireLetters).
type Outbox interface {
	// Durable tells whether what was queued survives the end of this process. Where it does not, nobody may be told that
	// a message is accepted.
	Durable() bool
	// Claim takes the chat's lease, or keeps it, unless another handle holds it, and returns the messages queued after a
	// sequence number, in order, at most max. Without queued messages no lease is taken.
	Claim(ctx context.Context, chatID string, after uint64, max int) (Claim, error)
	// Renew prolongs leases; the result has the same length and order, false where the lease is lost.
	Renew(ctx context.Context, leases []Lease) ([]bool, error)
	// Orphans returns up to max chats with queued messages whose lease has ended, those that have waited longest first.
	Orphans(ctx context.Context, max int) ([]string, error)
	// Unnamed returns the entries after a position that only their event key finds: no alias was ever given to them. At
	// most max, oldest first; none when the position is of another epoch.
	Unnamed(ctx context.Context, chatID string, after Position, max int) ([]Entry, error)

	// Queues returns the chats with queued messages in the order of their ids, after one, at most max.
	Queues(ctx context.Context, after string, max int) ([]QueueInfo, error)
	// Queued returns a chat's queued messages after a sequence number, in order, at most max, whoever holds the lease.
	Queued(ctx context.Context, chatID string, after uint64, max int) ([]Queued, error)
	// Letters returns dead letters, oldest first, after one's ID ("" = from the start), at most max.
	Letters(ctx context.Context, after string, max int) ([]Letter, error)
	// Revive puts a dead letter back at the end of its chat's queue; false: there is no such letter.
	Revive(ctx context.Context, id string) (bool, error)
	// Discard forgets a dead letter; false: there is no such letter.
	Discard(ctx context.Context, id string) (bool, error)
}

// Item is a message on its way into the outbox.
type Item struct {
	Name string // one of the Aliases: sender and clientMessageId, unique in its chat
	Data []byte // what is needed to post it; opaque here
	Sent int64  // when it was sent, Unix ms, 0 = not known; of all that enter under one name the earliest is kept
}

// Done takes a message out of the outbox.
type Done struct {
	Name   string
	Fence  uint64 // of the lease under which it was posted
	Reason string // not empty: it was refused for good and goes to the dead letters with this reason
}

// OutboxState is what a step tells about its chat's queue.
type OutboxState struct {
	Queued bool   // the item of the step is in the queue now, whenever it came there
	Sent   int64  // of that item, as the queue has it
	Fence  uint64 // of the lease that this handle holds now, 0 = it holds none
	Left   int    // messages queued
}

// Queued is a message in the outbox.
type Queued struct {
	Item
	Seq    uint64   // its place, rising within the chat
	Logged Position // the log's entry that its name finds, zero = none does
}

// Claim is what a handle learns about a chat's queue.
type Claim struct {
	Fence uint64 // 0: another handle holds the lease, or nothing is queued
	Items []Queued
	Left  int // messages queued in all
}

// Lease names a lease that is held.
type Lease struct {
	ChatID string
	Fence  uint64
}

// QueueInfo describes a chat's queue to people.
type QueueInfo struct {
	ChatID string
	Left   int
	Items  []Queued // the oldest, at most 100
	Holder string   // "" = nobody
}

// Letter is a message that was refused for good.
type Letter struct {
	ID     string // orders the letters by time
	ChatID string
	At     time.Time
	Reason string
	Item   // without Sent
}

// ErrEpoch: the step was not carried out, since the log has begun anew; Position has the epoch.
var ErrEpoch = errors.New("chatlog: the log has begun anew")

// ErrFenced: the step was not carried out, since the lease under which it was asked for is not held any more.
var ErrFenced = errors.New("chatlog: the lease is held by another instance")

// ErrFull: the message was not queued, since the chat's queue has MaxQueued messages. It is an ErrRefused.
var ErrFull = errors.Join(ErrRefused, errors.New("chatlog: the chat's outbox is full"))

// MaxQueued bounds the messages in one chat's queue.
const MaxQueued = 10_000

// QueuedNotice is published on a chat's channel when a message has entered its queue and another handle holds the lease.
const QueuedNotice = `{"type":"outbox_queued"}`
