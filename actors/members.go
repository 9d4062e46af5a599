package actors

import (
	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// member is one socket in a chat.
type member struct {
	to       address // its connection actor
	sender   *messages.Sender
	number   uint64 // of its connection, as in sender
	signedIn bool   // as in sender: what a delivery looks at lies in the member itself
	v1       bool   // a part-2 client
	primary  bool   // the chat is that of the socket's own token: it is greeted with `connected`
	welcomed bool   // it has been greeted
	agent    bool   // it joined as agent
	replay   *replay
	profile  *profile // live delivery: who its messages are shown to be from
}

// newMember is a socket that may join a chat; to is its connection actor.
func newMember(to address, s *messages.Sender, v1 bool) member {
	return member{to: to, sender: s, number: s.Connection, signedIn: s.Authenticated, v1: v1}
}

// role is what the others see a member as.
func (m *member) role() wire.Role {
	switch {
	case m.sender.Role != "":
		return wire.Role(m.sender.Role)
	case m.agent:
		return wire.RoleAgent
	}
	return wire.RoleUser
}

// maySpeakAs tells whether a sender may use a role: the token's claim where there is one, otherwise any for an
// authenticated user and USER for an anonymous one.
func maySpeakAs(s *messages.Sender, role wire.Role) bool {
	if s.Role != "" {
		return wire.Role(s.Role) == role
	}
	return s.Authenticated || role == wire.RoleUser
}

// members of a chat on this instance, in order of arrival. Most chats have two; look-ups are linear.
type members []member

func (ms members) find(connection uint64) *member {
	for i := range ms {
		if ms[i].number == connection {
			return &ms[i]
		}
	}
	return nil
}

// remove takes a member out and returns it.
func (ms *members) remove(connection uint64) (member, bool) {
	for i := range *ms {
		if (*ms)[i].number == connection {
			m := (*ms)[i]
			last := len(*ms) - 1
			copy((*ms)[i:], (*ms)[i+1:])
			(*ms)[last] = member{}
			*ms = (*ms)[:last]
			if last == 0 {
				*ms = nil
			}
			return m, true
		}
	}
	return member{}, false
}

// sockets counts a user's sockets.
func (ms members) sockets(userID string) (n int) {
	for i := range ms {
		if ms[i].sender.UserId == userID {
			n++
		}
	}
	return n
}

// anonymous tells whether any member must not see e-mail addresses.
func (ms members) anonymous() bool {
	for i := range ms {
		if !ms[i].signedIn {
			return true
		}
	}
	return false
}
