package actors

import "time"

// appends are a chat's events on their way into the log, oldest first. While the log is away they wait; after a
// patience the chat serves them without an offset, and they stay until the log has them.
type appends struct {
	waiting []*pendingAppend
	away    bool // the log has not answered within the patience: serve at once what comes
}

type pendingAppend struct {
	key    string
	body   []byte
	since  time.Time
	served bool  // delivered without an offset
	save   *save // the message that it belongs to, nil for other events
	id     string
}

func (a *appends) add(p *pendingAppend) { a.waiting = append(a.waiting, p) }

func (a *appends) has(key string) bool {
	for _, p := range a.waiting {
		if p.key == key {
			return true
		}
	}
	return false
}

// take removes and returns the append with a key.
func (a *appends) take(key string) *pendingAppend {
	for i, p := range a.waiting {
		if p.key == key {
			copy(a.waiting[i:], a.waiting[i+1:])
			a.waiting[len(a.waiting)-1] = nil
			if a.waiting = a.waiting[:len(a.waiting)-1]; len(a.waiting) == 0 {
				a.waiting = nil
			}
			return p
		}
	}
	return nil
}

// overdue returns, in order, what has waited for longer than the patience and was not served yet.
func (a *appends) overdue(now time.Time, patience time.Duration) (due []*pendingAppend) {
	for _, p := range a.waiting {
		if !p.served && (a.away || now.Sub(p.since) >= patience) {
			due = append(due, p)
		}
	}
	return due
}

// nextDeadline is when the next append becomes overdue.
func (a *appends) nextDeadline(patience time.Duration) (at time.Time, ok bool) {
	for _, p := range a.waiting {
		if !p.served {
			return p.since.Add(patience), true
		}
	}
	return at, false
}
