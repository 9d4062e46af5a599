package actors

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// lane is a queue of log operations for a part of the chats: one batch in flight, the rest gathers. A chat always has
// the same lane, so its operations keep their order. It is plain data; the bridge runs what it says.
type lane struct {
	queue    []logOp
	inFlight []logOp
	spare    []logOp          // room for a queue
	echoes   []*heard         // of what is in flight: heard on the channel before the answer
	since    time.Time        // when the batch in flight began
	failures int              // batches failed in a row
	retryAt  time.Time        // no batch before
	blocked  map[string]*hold // chats with an operation that fails: nothing of theirs before its time
}

// hold keeps one chat's operations back after failures of its own.
type hold struct {
	until    time.Time
	failures int
}

// logOp is a step of log and outbox, or a look-up.
type logOp struct {
	append    *messages.AppendRequest
	lookUp    *lookUp
	from      address // of an append
	cancelled bool    // it is not tried again
	again     bool    // it was carried out before, in a log that has ended, or fenced
}

func (o logOp) chatID() string {
	if o.append != nil {
		return o.append.ChatId
	}
	return o.lookUp.chatID
}

// size is what the operation holds in memory, about.
func (o logOp) size() int64 {
	if o.append != nil {
		return int64(len(o.append.Body) + len(o.append.Queue.GetContent()))
	}
	return 0
}

// nextTry is when something that failed may be tried again, zero if nothing waits for that.
func (l *lane) nextTry() (at time.Time) {
	if len(l.queue) == 0 {
		return at
	}
	at = l.retryAt
	for _, h := range l.blocked {
		if at.IsZero() || h.until.Before(at) {
			at = h.until
		}
	}
	return at
}

// laneBatch bounds the operations of one batch.
const laneBatch = 256

// holdLimit is the longest that a chat waits after failures of its own.
const holdLimit = 5 * time.Second

func (l *lane) push(op logOp) { l.queue = append(l.queue, op) }

// cancel takes out the steps that let a message into the outbox. One in flight may let it in; if it fails, it is not tried
// again.
func (l *lane) cancel(chatID, key string) (taken []logOp) {
	enters := func(op logOp) bool {
		a := op.append
		return a != nil && a.ChatId == chatID && a.Queue.GetKey() == key
	}
	for i := range l.inFlight {
		l.inFlight[i].cancelled = l.inFlight[i].cancelled || enters(l.inFlight[i])
	}
	l.queue = slices.DeleteFunc(l.queue, func(op logOp) bool {
		if enters(op) {
			taken = append(taken, op)
			return true
		}
		return false
	})
	return taken
}

// take returns the next batch, nil when there is nothing to do now.
func (l *lane) take(now time.Time) []logOp {
	if len(l.inFlight) > 0 || now.Before(l.retryAt) {
		return nil
	}
	l.since = now
	if len(l.blocked) == 0 && len(l.queue) <= laneBatch {
		l.inFlight, l.queue, l.spare = l.queue, l.spare, nil
		return l.inFlight
	}
	kept := l.queue[:0:0]
	for _, op := range l.queue {
		if h := l.blocked[op.chatID()]; len(l.inFlight) == laneBatch || h != nil && now.Before(h.until) {
			kept = append(kept, op)
			continue
		}
		l.inFlight = append(l.inFlight, op)
	}
	l.queue = kept
	return l.inFlight
}

// echoed keeps a sealed payload that is the entry of an append in flight; false if it is none.
func (l *lane) echoed(h *heard) bool {
	if len(l.echoes) == laneBatch {
		return false
	}
	for i := range l.inFlight {
		if a := l.inFlight[i].append; a != nil && a.ChatId == h.chatID && sealedFrom(a.Body, h.payload) {
			l.echoes = append(l.echoes, h)
			return true
		}
	}
	return false
}

// sealedFrom tells whether sealing a body gave this payload.
func sealedFrom(body, payload []byte) bool {
	n := len(body) - 1 // its brace
	return n > 0 && len(payload) > n && payload[n] == ',' && bytes.Equal(payload[:n], body[:n])
}

// takeEchoes takes out what was kept of a chat.
func (l *lane) takeEchoes(chatID string) (taken []*heard) {
	l.echoes = slices.DeleteFunc(l.echoes, func(h *heard) bool {
		if h.chatID == chatID {
			taken = append(taken, h)
			return true
		}
		return false
	})
	return taken
}

// errAgain stands for an operation that has to be carried out again although the log has answered.
var errAgain = errors.New("to be carried out again")

// done takes the errors of the batch in flight, one per operation, and puts what failed back in front. A log that
// answered nothing is left alone for a while; after a partial failure only the chats concerned wait. It returns whether
// the log answered at all.
func (l *lane) done(errs []error, now time.Time) (answered bool) {
	batch := l.inFlight
	l.inFlight = nil
	for i := range batch {
		answered = answered || errs[i] == nil || errors.Is(errs[i], chatlog.ErrRefused) || errors.Is(errs[i], errAgain)
	}
	var again []logOp
	held := make(map[string]bool)
	for i, op := range batch {
		chatID := op.chatID()
		switch {
		case errs[i] == nil:
			delete(l.blocked, chatID)
			continue
		case op.cancelled:
			continue
		case answered && !held[chatID]:
			held[chatID] = true
			l.block(chatID, now)
		}
		again = append(again, op)
	}
	if answered {
		l.failures, l.retryAt = 0, time.Time{}
	} else {
		l.failures++
		l.retryAt = now.Add(backoff(l.failures, 50*time.Millisecond, 2*time.Second))
	}
	if len(again) > 0 {
		l.queue = append(again, l.queue...)
	}
	return answered
}

// reuse takes back the room of a batch that is done and answered.
func (l *lane) reuse(batch []logOp) {
	if cap(batch) <= 2*laneBatch { // as append makes room for a full one
		clear(batch)
		l.spare = batch[:0]
	}
}

func (l *lane) block(chatID string, now time.Time) {
	if l.blocked == nil {
		l.blocked = make(map[string]*hold)
	}
	h := l.blocked[chatID]
	if h == nil {
		h = &hold{}
		l.blocked[chatID] = h
	}
	h.failures++
	h.until = now.Add(backoff(h.failures, 100*time.Millisecond, holdLimit))
}
