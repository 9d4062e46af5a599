package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/wire"
)

// subscriptions are the chats that want to hear their channel, and how far each is. Plain data of the bridge.
type subscriptions struct {
	chats   map[string]*subscription
	adding  []string // to be subscribed
	leaving []string // to be unsubscribed
	heard   int      // chats that hear their channel
}

type subscription struct {
	pid       *actor.PID
	audience  *audience // the chat's
	foreignAt time.Time // when something was last heard that this instance did not send
	confirmed bool
	epoch     string // of the log, as far as the chat has been told
	ownEpoch  string // appends of our own without a gap, in one epoch: their echoes are dropped
	ownFirst  uint64
	ownLast   uint64
}

// audience tells a chat whether somebody besides this instance listens to its channel, as Redis answered to its last publish.
// While nobody does, typing is not published. An instance that begins to listen asks who is here, and is told who types as well;
// anybody else who begins within audienceCheck misses what it would have missed by beginning a little later. The bridge
// writes it, the chat reads it.
type audience struct{ absentUntil atomic.Int64 } // Unix ns

// audienceCheck is how long an answer holds. What another instance sends ends it at once.
const audienceCheck = 5 * time.Second

func (a *audience) absent(now time.Time) bool { return now.UnixNano() < a.absentUntil.Load() }

// published takes how many listened to a publish that began at a time.
func (s *subscription) published(listeners int, began time.Time) {
	if s.confirmed && listeners == 1 && s.foreignAt.Before(began) {
		s.audience.absentUntil.Store(began.Add(audienceCheck).UnixNano())
	}
}

// foreign notes that something was heard that this instance did not send.
func (s *subscription) foreign(now time.Time) {
	s.foreignAt = now
	s.audience.absentUntil.Store(0)
}

// subscribeBatch bounds one call.
const subscribeBatch = 512

func (s *subscriptions) add(chatID string, pid *actor.PID, a *audience) {
	if s.chats == nil {
		s.chats = make(map[string]*subscription)
	}
	s.chats[chatID] = &subscription{pid: pid, audience: a}
	s.adding = append(s.adding, chatID)
}

// remove forgets a chat, unless another actor has taken its place.
func (s *subscriptions) remove(chatID string, pid *actor.PID) bool {
	sub := s.chats[chatID]
	if sub == nil || !sub.pid.Equal(pid) {
		return false
	}
	if sub.confirmed {
		s.heard--
	}
	delete(s.chats, chatID)
	s.leaving = append(s.leaving, chatID)
	return true
}

// confirm notes that a chat hears its channel, nil if nobody wants that any more.
func (s *subscriptions) confirm(chatID string) *subscription {
	sub := s.chats[chatID]
	if sub != nil && !sub.confirmed {
		sub.confirmed = true
		s.heard++
	}
	return sub
}

// lost: the connection is gone, everything has to be subscribed again.
func (s *subscriptions) lost() {
	s.adding, s.leaving, s.heard = s.adding[:0], nil, 0
	for chatID, sub := range s.chats {
		sub.confirmed = false
		sub.audience.absentUntil.Store(0)
		s.adding = append(s.adding, chatID)
	}
}

// next takes the next batch: what is still wanted and not confirmed, and what nobody wants any more.
func (s *subscriptions) next() (add, remove []string) {
	for len(s.adding) > 0 && len(add) < subscribeBatch {
		chatID := s.adding[0]
		s.adding = s.adding[1:]
		if sub := s.chats[chatID]; sub != nil && !sub.confirmed {
			add = append(add, chatID)
		}
	}
	for len(s.leaving) > 0 && len(remove) < subscribeBatch {
		chatID := s.leaving[0]
		s.leaving = s.leaving[1:]
		if s.chats[chatID] == nil {
			remove = append(remove, chatID)
		}
	}
	return add, remove
}

// again puts a batch back that failed.
func (s *subscriptions) again(add, remove []string) {
	s.adding = append(s.adding, add...)
	s.leaving = append(s.leaving, remove...)
}

// confirmed lists the chats that hear their channel.
func (s *subscriptions) confirmed() (chatIDs []string) {
	for chatID, sub := range s.chats {
		if sub.confirmed {
			chatIDs = append(chatIDs, chatID)
		}
	}
	return chatIDs
}

// told notes of which epoch its log is, as the chat is told.
func (s *subscription) told(epoch string) { s.epoch = max(s.epoch, epoch) }

// appended notes an append of our own.
func (s *subscription) appended(p wire.Position) {
	s.told(p.Epoch)
	switch {
	case p.Epoch < s.ownEpoch || p.Epoch == s.ownEpoch && p.Offset <= s.ownLast:
	case p.Epoch == s.ownEpoch && p.Offset == s.ownLast+1:
		s.ownLast = p.Offset
	default:
		s.ownEpoch, s.ownFirst, s.ownLast = p.Epoch, p.Offset, p.Offset
	}
}

// own tells whether a position is an echo of our own append.
func (s *subscription) own(p wire.Position) bool {
	return p.Epoch == s.ownEpoch && p.Offset >= s.ownFirst && p.Offset <= s.ownLast
}

// instances are the other routers, by when they were last heard.
type instances map[string]time.Time

// heard notes a sign of life.
func (in *instances) heard(origin string, now time.Time) {
	if *in == nil {
		*in = make(instances)
	}
	(*in)[origin] = now
}

// hearAll counts all as just heard: we were deaf, not they dumb.
func (in instances) hearAll(now time.Time) {
	for origin := range in {
		in[origin] = now
	}
}

// dead takes out those that were silent for too long.
func (in instances) dead(now time.Time, within time.Duration) (origins []string) {
	for origin, at := range in {
		if now.Sub(at) > within {
			origins = append(origins, origin)
			delete(in, origin)
		}
	}
	return origins
}
