package actors

import (
	"slices"
	"strings"
	"time"

	"eclipse/internal/wire"
)

// presence knows which users of a chat are online beyond those with a socket here: those whose last socket has just
// gone (they count as online for a grace time), and those on other instances. It is plain data; the chat tells it
// what happened and announces what it returns.
type presence struct {
	leaving []leaving
	remote  map[string]map[string]wire.Role // instance → user → role
}

type leaving struct {
	userID string
	role   wire.Role
	at     time.Time // when the grace ends
}

// arrived tells that a user opened a first socket here. It reports whether the user counted as online anyway.
func (p *presence) arrived(userID string) (wasOnline bool) {
	for i, l := range p.leaving {
		if l.userID == userID {
			p.leaving = slices.Delete(p.leaving, i, i+1)
			return true
		}
	}
	return p.elsewhere(userID)
}

// left tells that a user's last socket here is gone; until grace ends the user counts as online.
func (p *presence) left(userID string, role wire.Role, graceEnds time.Time) {
	p.leaving = append(p.leaving, leaving{userID, role, graceEnds})
}

// expire returns the users whose grace has ended.
func (p *presence) expire(now time.Time) (gone []wire.Presence) {
	p.leaving = slices.DeleteFunc(p.leaving, func(l leaving) bool {
		if l.at.After(now) {
			return false
		}
		gone = append(gone, wire.Presence{UserID: l.userID, Role: l.role, Status: wire.Offline})
		return true
	})
	return gone
}

// elsewhere tells whether another instance has a socket of a user.
func (p *presence) elsewhere(userID string) bool {
	for _, users := range p.remote {
		if _, ok := users[userID]; ok {
			return true
		}
	}
	return false
}

// heard takes one user's presence from another instance.
func (p *presence) heard(origin string, u wire.Presence) {
	if u.Status != wire.Online {
		delete(p.remote[origin], u.UserID)
		if len(p.remote[origin]) == 0 {
			delete(p.remote, origin)
		}
		return
	}
	if p.remote == nil {
		p.remote = make(map[string]map[string]wire.Role)
	}
	if p.remote[origin] == nil {
		p.remote[origin] = make(map[string]wire.Role)
	}
	p.remote[origin][u.UserID] = u.Role
}

// forget drops an instance that died and returns its users.
func (p *presence) forget(origin string) (users []wire.Presence) {
	for userID, role := range p.remote[origin] {
		users = append(users, wire.Presence{UserID: userID, Role: role, Status: wire.Offline})
	}
	delete(p.remote, origin)
	slices.SortFunc(users, func(a, b wire.Presence) int { return strings.Compare(a.UserID, b.UserID) })
	return users
}

// snapshot lists everyone who is online: the members here first, then those in grace, then those elsewhere.
func (p *presence) snapshot(here members) (online []wire.Presence) {
	seen := make(map[string]bool, len(here))
	add := func(userID string, role wire.Role) {
		if !seen[userID] {
			seen[userID] = true
			online = append(online, wire.Presence{UserID: userID, Role: role, Status: wire.Online})
		}
	}
	for i := range here {
		add(here[i].sender.UserId, here[i].role())
	}
	for _, l := range p.leaving {
		add(l.userID, l.role)
	}
	for _, users := range p.remote {
		for userID, role := range users {
			add(userID, role)
		}
	}
	return online
}

// typist is somebody who types: a socket here (connection) or a user on another instance (origin).
type typist struct {
	connection uint64
	origin     string
	userID     string
	until      time.Time
}

// typists of a chat.
type typists []typist

// set starts, prolongs or ends (isTyping false) somebody's typing.
func (ts *typists) set(t typist, isTyping bool) {
	same := func(o typist) bool {
		return o.connection == t.connection && o.origin == t.origin && o.userID == t.userID
	}
	*ts = slices.DeleteFunc(*ts, same)
	if isTyping {
		*ts = append(*ts, t)
	}
	if len(*ts) == 0 {
		*ts = nil
	}
}

// stop ends the typing of those that match and returns them.
func (ts *typists) stop(match func(typist) bool) (stopped []typist) {
	if len(*ts) == 0 {
		return nil
	}
	*ts = slices.DeleteFunc(*ts, func(t typist) bool {
		if match(t) {
			stopped = append(stopped, t)
			return true
		}
		return false
	})
	if len(*ts) == 0 {
		*ts = nil
	}
	return stopped
}

// readMarks hold the last message that each user has read. A mark moves only forward in the order of the log.
type readMarks map[string]readMark

type readMark struct {
	messageID string
	offset    uint64 // of the message, 0 = not known
}

// advance moves a user's mark and tells whether it moved. A message whose place is not known never replaces one
// whose place is known.
func (r *readMarks) advance(userID, messageID string, offset uint64) bool {
	now, has := (*r)[userID]
	if has && (offset <= now.offset && now.offset > 0 || now.messageID == messageID) {
		return false
	}
	if *r == nil {
		*r = make(readMarks)
	}
	(*r)[userID] = readMark{messageID, offset}
	return true
}

func (r readMarks) snapshot() (marks []wire.ReadMark) {
	for userID, m := range r {
		marks = append(marks, wire.ReadMark{UserID: userID, MessageID: m.messageID})
	}
	slices.SortFunc(marks, func(a, b wire.ReadMark) int { return strings.Compare(a.UserID, b.UserID) })
	return marks
}
