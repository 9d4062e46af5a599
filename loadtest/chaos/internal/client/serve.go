package client

import (
	"context"
	"time"

	"eclipse/loadtest/chaos/internal/verify"
	"eclipse/loadtest/internal/frames"
)

// session is a client on one socket.
type session struct {
	*Client
	socket  *socket
	joined  bool
	finish  bool          // the next resume is the last question
	opened  time.Duration // when it was dialled, and then when it was greeted
	heard   time.Duration
	pinged  time.Duration // 0 = no ping is unanswered
	asked   time.Duration // when the resume under way was asked for, 0 = none is
	deafFor time.Duration // nothing is read until then
}

// never is later than any run.
const never = time.Duration(1<<63 - 1)

// serve uses a socket until it ends.
func (c *Client) serve(ctx context.Context, s *socket) {
	now := c.door.Now()
	l := &session{Client: c, socket: s, opened: now, heard: now}
	if s.asked {
		l.asked = now
		c.note(c.sequence.at.event(verify.Asked))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wake := l.work()
		if wake < 0 {
			c.leave(s, lost, false)
			return
		}
		c.publish(Status{Joined: l.joined, Asking: l.asked > 0})
		timer.Reset(max(0, wake-c.door.Now()))
		incoming := s.frames
		if c.door.Now() < l.deafFor {
			incoming = nil
		}
		select {
		case f, open := <-incoming:
			if !open {
				c.leave(s, s.code, false)
				return
			}
			l.handle(&f)
		case o := <-c.orders:
			if l.obey(o) {
				return
			}
		case <-timer.C:
		case <-ctx.Done():
			c.leave(s, 0, false)
			return
		}
	}
}

// obey carries an order out. It tells whether the socket is done with.
func (l *session) obey(o Order) (done bool) {
	switch o.Do {
	case Break:
		l.absence = o.For
		l.leave(l.socket, 0, false)
	case Return:
		l.atOnce = true
		l.leave(l.socket, 0, false)
	case Abandon:
		l.atOnce = true
		l.leave(l.socket, 0, true)
	case Slow:
		l.deafFor = l.door.Now() + o.For
		return false
	case Finish:
		if l.options.Old {
			return false // it cannot ask
		}
		l.finish = true
		l.resume()
		return false
	}
	return true
}

// work does what is due and tells when there is more to do; negative: the connection is dead.
func (l *session) work() (wake time.Duration) {
	now, t := l.door.Now(), l.options.Timers
	l.compose(now)
	wake = never
	if l.options.Every > 0 {
		wake = l.nextSay
	}
	switch {
	case now < l.deafFor:
		return l.deafFor
	case !l.joined:
		if now >= l.opened+t.Handshake {
			return -1
		}
		return min(wake, l.opened+t.Handshake)
	case l.pinged > 0 && now >= l.pinged+t.Pong:
		return -1
	case l.pinged > 0:
		wake = min(wake, l.pinged+t.Pong)
	case now >= l.heard+t.Quiet:
		l.pinged = now
		l.send([]byte(`{"type":"ping"}`))
		wake = min(wake, now+t.Pong)
	default:
		wake = min(wake, l.heard+t.Quiet)
	}
	if l.attempt > 0 && now >= l.opened+t.Stable {
		l.attempt = 0
	}
	if l.asked > 0 {
		if now >= l.asked+t.Resume {
			l.unresumed()
		} else {
			wake = min(wake, l.asked+t.Resume)
		}
	}
	return min(wake, l.pump(now))
}

// pump sends the message that may go next. It tells when to look again.
func (l *session) pump(now time.Duration) time.Duration {
	i, wait := l.outbox.next(now)
	if i == nil {
		return never
	}
	if wait > 0 {
		return now + wait
	}
	if i.number > l.sentUpTo {
		l.sentUpTo = i.number
		l.note(verify.Event{Kind: verify.Sent, Number: i.number})
	}
	l.outbox.sent(i, now)
	l.send(l.message(i))
	if l.options.Old { // nobody will answer: it is sent once
		l.outbox.drop(i.number)
		return now
	}
	return i.notBefore
}

func (l *session) send(p []byte) { l.socket.send(p, l.options.Timers.Handshake) }

// Unwanted is in the content of what the API is to refuse for good.
const Unwanted = "unwanted"

const filler = "abcdefghijklmnopqrstuvwxyz0123456789 "

func (l *session) message(i *item) []byte {
	tag := frames.Tag{Run: l.options.Run, Chat: l.options.Chat, Sender: l.options.Sender, Seq: i.number}
	p := append(tag.Append([]byte(`{"type":"message","content":"`)), ' ')
	if i.unwanted {
		p = append(p, Unwanted...)
	}
	for start := len(p); len(p)-start < l.options.Size; {
		p = append(p, filler[:min(len(filler), l.options.Size-(len(p)-start))]...)
	}
	p = append(p, `.","role":"USER"`...)
	if !l.options.Old {
		p = append(tag.Append(append(p, `,"clientMessageId":"`...)), '"')
	}
	return append(p, '}')
}

// resume asks for what follows our place.
func (l *session) resume() {
	if l.asked > 0 && !l.finish {
		return
	}
	l.asked = l.door.Now()
	e := l.sequence.at.event(verify.Asked)
	e.Flag, l.finish = l.finish, false
	l.note(e)
	l.send(resumeFrame(l.sequence.at))
}

// unresumed gives a resume up that nobody answered, and loads the history instead.
func (l *session) unresumed() {
	l.asked = 0
	l.sequence.settle()
	l.note(l.sequence.at.event(verify.GaveUp))
	l.load()
}

func (l *session) load() { l.note(verify.Event{Kind: verify.Loaded, Rows: l.door.Stored()}) }
