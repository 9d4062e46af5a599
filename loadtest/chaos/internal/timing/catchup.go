package timing

import (
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

type place struct {
	epoch  uint64
	offset uint32
}

func (p place) reaches(o place) bool {
	return p.epoch > o.epoch || p.epoch == o.epoch && p.offset >= o.offset
}

func placed(e verify.Event) bool {
	switch e.Kind {
	case verify.Shown, verify.Passed, verify.Failed, verify.Resumed, verify.Placed:
		return true
	}
	return false
}

// byChat groups clients.
func byChat(clients []*verify.Client) map[int][]*verify.Client {
	groups := map[int][]*verify.Client{}
	for _, c := range clients {
		groups[c.Chat] = append(groups[c.Chat], c)
	}
	return groups
}

// CatchUp tells how long the clients of an instance that was killed took until they were elsewhere and had everything
// that was in the log when it died.
func CatchUp(clients []*verify.Client, kills []Incident) (took Spread) {
	groups := byChat(clients)
	for _, kill := range kills {
		for _, members := range groups {
			head := headAt(members, kill.Began)
			for _, c := range members {
				if d, ok := caughtUp(c, kill, head); ok {
					took = append(took, d)
				}
			}
		}
	}
	return took
}

// headAt is the furthest place that any of a chat's clients had seen at a time.
func headAt(members []*verify.Client, at time.Duration) (head place) {
	for _, c := range members {
		for _, e := range c.Events {
			if e.At > at {
				break
			}
			if p := (place{e.Epoch, e.Offset}); e.Kind != verify.Asked && p.reaches(head) {
				head = p
			}
		}
	}
	return head
}

// caughtUp finds when a client of the killed instance had all up to head again. ok is false for a client of another.
func caughtUp(c *verify.Client, kill Incident, head place) (took time.Duration, ok bool) {
	list := visits(c)
	for i, v := range list {
		if int(v.instance) != kill.Instance || v.from > kill.Began || v.to < kill.Began || i+1 == len(list) {
			continue
		}
		if at, ok := reached(c, list[i+1].from, head); ok {
			return at - kill.Began, true
		}
	}
	return 0, false
}

// reached is when, from a time on, a client had all up to a place.
func reached(c *verify.Client, from time.Duration, head place) (time.Duration, bool) {
	var at place
	for _, e := range c.Events {
		if placed(e) && (place{e.Epoch, e.Offset}).reaches(at) {
			at = place{e.Epoch, e.Offset}
		}
		if e.At >= from && at.reaches(head) {
			return e.At, true
		}
	}
	return 0, false
}

// Waited tells how long messages took that only stood in the outbox when the instance that had accepted them was
// killed: from the kill, or from when the API was back that was away then, until the first client saw them, or their
// sender was told that they are stored.
func Waited(clients []*verify.Client, kills, outages []Incident) (took Spread) {
	groups := byChat(clients)
	for _, kill := range kills {
		from := kill.Began
		for _, o := range outages {
			if o.Began < kill.Began {
				from = max(from, o.Ended)
			}
		}
		for _, c := range clients {
			for number := range pendingAt(c, kill) {
				if at, ok := firstSeen(groups[c.Chat], c, number, from); ok {
					took = append(took, at-from)
				}
			}
		}
	}
	return took
}

// pendingAt are a client's messages that the instance had accepted and not stored when it was killed.
func pendingAt(c *verify.Client, kill Incident) map[uint32]bool {
	pending, here := map[uint32]bool{}, false
	for _, e := range c.Events {
		if e.At > kill.Began {
			break
		}
		switch e.Kind {
		case verify.Opened:
			here = int(e.Instance) == kill.Instance
		case verify.Accepted:
			if here {
				pending[e.Number] = true
			}
		case verify.Stored, verify.Refused:
			delete(pending, e.Number)
		}
	}
	return pending
}

func firstSeen(members []*verify.Client, sender *verify.Client, number uint32, after time.Duration) (at time.Duration, ok bool) {
	for _, c := range members {
		for _, e := range c.Events {
			shown := e.Kind == verify.Shown && e.Sender == sender.Sender || e.Kind == verify.Stored && c == sender
			if !shown || e.Number != number {
				continue
			}
			if !ok || e.At < at {
				at, ok = max(e.At, after), true
			}
			break
		}
	}
	return at, ok
}
