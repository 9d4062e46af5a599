package client

import (
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

// handle takes one frame from the server.
func (l *session) handle(f *frame) {
	l.heard, l.pinged = l.door.Now(), 0
	switch f.Type {
	case "connected":
		l.connected(f)
	case "message":
		l.shown(f)
	case "message_updated", "agent_joined":
		l.note(f.position().event(verify.Passed))
		l.place(f)
	case "message_failed":
		l.failed(f)
	case "ack":
		l.acked(f)
	case "error":
		l.refused(f)
	case "resumed":
		l.resumed(f)
	case "reconnect":
		l.advice = time.Duration(f.AfterMs) * time.Millisecond
	}
}

func (l *session) connected(f *frame) {
	p := f.position()
	e := p.event(verify.Opened)
	e.Instance = int16(l.socket.instance)
	l.note(e)
	l.joined, l.opened = true, l.heard
	if l.options.Old {
		return
	}
	if !l.sequence.known {
		l.sequence.moveTo(p)
		l.note(p.event(verify.Placed))
		l.load()
	}
	l.sequence.note(p)
	switch {
	case l.socket.asked:
		l.asked = l.heard // the server begins now
	case l.sequence.at != p:
		l.resume()
	}
	l.outbox.reconnected()
}

// place moves on over a sequenced frame, and asks where something is missing.
func (l *session) place(f *frame) {
	if !l.options.Old && f.Epoch != "" && f.Offset > 0 && l.sequence.see(f.position()) {
		l.resume()
	}
}

func (l *session) shown(f *frame) {
	e := f.position().event(verify.Shown)
	e.ID = verify.HashID(f.Data.ID)
	if tag, ok := f.tag(); ok {
		e.Sender, e.Number = uint16(tag.Sender), tag.Seq
	}
	l.note(e)
	l.door.Seen(e.ID)
	l.place(f)
}

func (l *session) failed(f *frame) {
	e := f.position().event(verify.Failed)
	e.ID = verify.HashID(f.Data.ID)
	if tag, ok := f.tag(); ok {
		e.Sender, e.Number = uint16(tag.Sender), tag.Seq
		if tag.Sender == l.options.Sender {
			l.outbox.drop(tag.Seq)
		}
	}
	l.note(e)
	l.place(f)
}

func (l *session) acked(f *frame) {
	tag, ok := f.tag()
	if !ok || tag.Sender != l.options.Sender {
		return
	}
	e := f.position().event(verify.Stored)
	e.ID, e.Number = verify.HashID(f.ID), tag.Seq
	if f.Status == "accepted" {
		e.Kind = verify.Accepted
		l.outbox.accept(tag.Seq, l.heard)
	} else {
		l.outbox.drop(tag.Seq)
	}
	l.note(e)
	l.door.Acked(l.socket.instance)
}

func (l *session) refused(f *frame) {
	tag, ok := f.tag()
	if !ok {
		l.Codes["untold whose"]++ // an old client is not told
		return
	}
	i := l.outbox.find(tag.Seq)
	switch {
	case i == nil:
	case f.Retryable:
		l.Codes[f.Code]++
		wait := time.Duration(f.RetryAfterMs)*time.Millisecond + backoff(l.random, 0, 250*time.Millisecond, 250*time.Millisecond)
		if f.RetryAfterMs == 0 {
			wait = backoff(l.random, i.attempts, l.options.Timers.Resend, l.options.Timers.ResendMost)
		}
		l.outbox.again(tag.Seq, l.heard, wait)
	default:
		l.outbox.drop(tag.Seq)
		l.note(verify.Event{Kind: verify.Refused, Number: tag.Seq})
	}
}

func (l *session) resumed(f *frame) {
	l.asked = 0
	p := f.position()
	e := p.event(verify.Resumed)
	e.Flag = f.Recovered
	l.note(e)
	if p.epoch != "" {
		l.sequence.moveTo(p)
	} else {
		l.sequence.settle()
	}
	if !f.Recovered {
		l.load()
	}
}
