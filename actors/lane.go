package actors

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// lane is a queue of log operations for a part of the chats: one batch in flight, the rest gathers. A chat always has
// the same lane, so its operations keep their order. It is plain data; the bridge runs what it says.
type lane struct {
	queue    []logOp
	inFlight []logOp
	failures int                  // batches failed in a row
	retryAt  time.Time            // no batch before
	blocked  map[string]time.Time // chats whose operation the log refused: nothing of theirs before
}

// logOp is an append or a look-up.
type logOp struct {
	append *messages.AppendRequest
	lookUp *lookUp
	from   *actor.PID
}

func (o logOp) chatID() string {
	if o.append != nil {
		return o.append.ChatId
	}
	return o.lookUp.chatID
}

// laneBatch bounds the operations of one batch.
const laneBatch = 256

// refusedFor is how long a chat waits whose append the log refused.
const refusedFor = time.Second

func (l *lane) push(op logOp) { l.queue = append(l.queue, op) }

// take returns the next batch, nil when there is nothing to do now.
func (l *lane) take(now time.Time) []logOp {
	if len(l.inFlight) > 0 || now.Before(l.retryAt) {
		return nil
	}
	if len(l.blocked) == 0 && len(l.queue) <= laneBatch {
		l.inFlight, l.queue = l.queue, nil
		return l.inFlight
	}
	kept := l.queue[:0:0]
	for _, op := range l.queue {
		if until, blocked := l.blocked[op.chatID()]; len(l.inFlight) == laneBatch || blocked && now.Before(until) {
			kept = append(kept, op)
			continue
		}
		l.inFlight = append(l.inFlight, op)
	}
	l.queue = kept
	return l.inFlight
}

// done takes the errors of the batch in flight, one per operation, and puts what failed back in front. It returns
// whether the log answered at all.
func (l *lane) done(errs []error, now time.Time) (answered bool) {
	var again []logOp
	for i, op := range l.inFlight {
		switch {
		case errs[i] == nil:
			answered = true
			delete(l.blocked, op.chatID())
		case errors.Is(errs[i], chatlog.ErrRefused):
			answered = true
			l.block(op.chatID(), now.Add(refusedFor))
			again = append(again, op)
		default:
			again = append(again, op)
		}
	}
	l.inFlight = nil
	if answered {
		l.failures = 0
	} else {
		l.failures++
		l.retryAt = now.Add(backoff(l.failures, 50*time.Millisecond, 2*time.Second))
	}
	if len(again) > 0 {
		l.queue = append(again, l.queue...)
	}
	return answered
}

func (l *lane) block(chatID string, until time.Time) {
	if l.blocked == nil {
		l.blocked = make(map[string]time.Time)
	}
	l.blocked[chatID] = until
}

// backoff is the wait before the nth try again, n ≥ 1: full jitter over an exponential that is bounded.
func backoff(n int, base, limit time.Duration) time.Duration {
	bound := limit
	if n < 16 {
		bound = min(limit, base<<n)
	}
	return base/2 + rand.N(bound)
}
