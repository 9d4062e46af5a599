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
	leaving   []leaving
	remote    map[string]*elsewhere // by instance
	confirmBy time.Time             // then the instances that have not told again are forgotten, zero = all have
}

type leaving struct {
	userID string
	role   wire.Role
	at     time.Time // when the grace ends
}

// elsewhere is who is connected to another instance.
type elsewhere struct {
	users     map[string]wire.Role
	confirmed bool // heard of since the last time that we may have been deaf
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

// lingers tells whether a user's grace lasts.
func (p *presence) lingers(userID string) bool {
	return slices.ContainsFunc(p.leaving, func(l leaving) bool { return l.userID == userID })
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
	for _, e := range p.remote {
		if _, ok := e.users[userID]; ok {
			return true
		}
	}
	return false
}

// heard takes one user's presence from another instance. It reports whether the instance was unknown.
func (p *presence) heard(origin string, u wire.Presence) (unknown bool) {
	e := p.remote[origin]
	if u.Status != wire.Online {
		if e != nil {
			delete(e.users, u.UserID)
		}
		return false
	}
	if e == nil {
		if unknown = true; p.remote == nil {
			p.remote = make(map[string]*elsewhere)
		}
		e = &elsewhere{users: make(map[string]wire.Role), confirmed: true}
		p.remote[origin] = e
	}
	e.users[u.UserID] = u.Role
	return unknown
}

// told takes everyone who is connected to another instance. It returns those who are not any more.
func (p *presence) told(origin string, users []wire.Presence) (gone []wire.Presence) {
	before := p.remote[origin]
	delete(p.remote, origin)
	for _, u := range users {
		p.heard(origin, u)
	}
	if before == nil {
		return nil
	}
	now := p.remote[origin]
	for userID, role := range before.users {
		if now == nil || !has(now.users, userID) {
			gone = append(gone, wire.Presence{UserID: userID, Role: role, Status: wire.Offline})
		}
	}
	return byUser(gone)
}

// doubt: we may have been deaf; the instances that do not tell again until by are forgotten.
func (p *presence) doubt(by time.Time) {
	if len(p.remote) == 0 {
		return
	}
	p.confirmBy = by
	for _, e := range p.remote {
		e.confirmed = false
	}
}

// unconfirmed lists the instances that have not told again in time.
func (p *presence) unconfirmed(now time.Time) (origins []string) {
	if p.confirmBy.IsZero() || now.Before(p.confirmBy) {
		return nil
	}
	p.confirmBy = time.Time{}
	for origin, e := range p.remote {
		if !e.confirmed {
			origins = append(origins, origin)
		}
	}
	return origins
}

// forget drops an instance and returns its users.
func (p *presence) forget(origin string) (users []wire.Presence) {
	if e := p.remote[origin]; e != nil {
		for userID, role := range e.users {
			users = append(users, wire.Presence{UserID: userID, Role: role, Status: wire.Offline})
		}
		delete(p.remote, origin)
	}
	return byUser(users)
}

func has(users map[string]wire.Role, userID string) bool {
	_, ok := users[userID]
	return ok
}

func byUser(users []wire.Presence) []wire.Presence {
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
	for _, e := range p.remote {
		for userID, role := range e.users {
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
	unheard    bool // other instances were not told, since nobody listened
}

// typists of a chat.
type typists []typist

// set starts, prolongs or ends (isTyping false) somebody's typing.
func (ts *typists) set(t typist, isTyping bool) {
	at := slices.IndexFunc(*ts, func(o typist) bool {
		return o.connection == t.connection && o.origin == t.origin && o.userID == t.userID
	})
	switch {
	case at >= 0 && isTyping:
		(*ts)[at] = t
	case at >= 0:
		*ts = slices.Delete(*ts, at, at+1)
	case isTyping:
		*ts = append(*ts, t)
	}
	if len(*ts) == 0 {
		*ts = nil
	}
}

// unheard notes that a socket's typing was not published.
func (ts typists) unheard(connection uint64) {
	for i := range ts {
		if ts[i].connection == connection && ts[i].origin == "" {
			ts[i].unheard = true
		}
	}
}

// takeUnheard returns the users whose typing was not published, once.
func (ts typists) takeUnheard() (userIDs []string) {
	for i := range ts {
		if ts[i].unheard {
			ts[i].unheard = false
			userIDs = append(userIDs, ts[i].userID)
		}
	}
	return userIDs
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

// readMarks hold the last message that each sender has read. A mark moves only forward in the order of the log.
type readMarks map[string]readMark

type readMark struct {
	userID    string
	messageID string
	offset    uint64 // of the message, 0 = not known
}

// maxReadMarks bounds the senders of one chat whose marks are kept.
const maxReadMarks = 256

// reader is the sender behind a user: all anonymous users of a chat are one, since their ids change.
func reader(userID string) string {
	if strings.HasPrefix(userID, "anon_") {
		return "anon"
	}
	return userID
}

// advance moves a sender's mark and tells whether it moved. A message whose place is not known is taken only for a
// first mark.
func (r *readMarks) advance(userID, messageID string, offset uint64) bool {
	key := reader(userID)
	now, has := (*r)[key]
	if has && (offset == 0 || offset <= now.offset || now.messageID == messageID) || !has && len(*r) >= maxReadMarks {
		return false
	}
	if *r == nil {
		*r = make(readMarks)
	}
	(*r)[key] = readMark{userID, messageID, offset}
	return true
}

// forgetOffsets: the epoch that they belong to has ended.
func (r readMarks) forgetOffsets() {
	for key, m := range r {
		m.offset = 0
		r[key] = m
	}
}

func (r readMarks) snapshot() (marks []wire.ReadMark) {
	for _, m := range r {
		marks = append(marks, wire.ReadMark{UserID: m.userID, MessageID: m.messageID})
	}
	slices.SortFunc(marks, func(a, b wire.ReadMark) int { return strings.Compare(a.UserID, b.UserID) })
	return marks
}
