package verify

import (
	"fmt"
	"slices"
)

// Fault is a kind of broken promise.
type Fault uint8

const (
	Lost          Fault = iota // acknowledged, and not in the database
	Missing                    // stored, and a client has not seen it
	SeenTwice                  // a message twice in a chat's log, or under two ids
	Repeated                   // a client was sent a place again that it had and did not ask for
	OutOfOrder                 // one sender's messages in another order than they were sent, in the log or at a client
	Disordered                 // the same in the database
	Forked                     // one place in the log, two messages
	DuplicateRows              // one message, two rows
	Unstored                   // shown as stored, and not in the database
	RefusedStored              // refused for good, and in the database
	Unanswered                 // sent again and again, and neither stored nor refused
	Behind                     // a client did not come up to the log's head
	Waiting                    // still in the outbox
	Untold                     // a dead letter whose sender heard of no final refusal
	Faults                     // how many kinds there are
)

var faultNames = [Faults]string{
	"acknowledged and lost", "stored and not seen by a client", "seen twice", "sent again unasked", "out of order", "stored out of order", "places with two messages",
	"duplicate rows", "shown and not stored", "refused and stored", "never answered", "clients behind the log",
	"left in the outbox", "dead letters of senders who were not told",
}

func (f Fault) String() string { return faultNames[f] }

// Verdict is what a run amounts to.
type Verdict struct {
	Sent, Stored, Accepted, Refused int // messages, by the sender's record
	Rows                            int
	Deliveries                      int // message frames at clients
	Skipped                         int // of these, shown already and to be skipped: the log began anew, or they came without a place before
	Unplaced                        int // of these, served without a place
	Stale                           int // of these, of an epoch that had ended
	Echoes                          int // of these, shown to their sender out of turn, when it sent them again
	Gaps                            int // jumps that a client saw and had to ask about
	Reloads                         int // times that a client had to load the history
	Reposted                        int // rows that the old API stored again after an unknown outcome
	Late                            int // messages that were served without a place or, of old clients, found in the history, and have one behind later ones of their sender
	Relogged                        int // messages that a log which was lost had, and the next one has behind later ones of their sender
	SentByOld                       int // of those sent, by clients of the old protocol, which are told nothing
	Excused                         int // holes that the replay for an old client need not fill
	Untraced                        int // messages of old clients that are stored and have no place in the log, and that nobody can find
	Letters                         int // dead letters
	LostWithFile                    int // messages that were accepted and gone with a damaged file
	Broken                          [Faults]int
	Examples                        []string // of what is broken, some of each kind
	Suspects                        []int    `json:"-"` // chats whose records show what is broken
	examples                        [Faults]int
	suspects                        [Faults]int
}

// Bounds of each kind.
const (
	maxExamples = 5
	maxSuspects = 2
)

// broken counts a broken promise in a chat.
func (v *Verdict) broken(f Fault, chat int, format string, args ...any) {
	v.Broken[f]++
	if v.suspects[f] < maxSuspects && !slices.Contains(v.Suspects, chat) {
		v.suspects[f]++
		v.Suspects = append(v.Suspects, chat)
	}
	if v.examples[f]++; v.examples[f] <= maxExamples {
		v.Examples = append(v.Examples, f.String()+": "+fmt.Sprintf(format, args...))
	}
}

// OK tells whether every promise was kept.
func (v *Verdict) OK() bool {
	return !slices.ContainsFunc(v.Broken[:], func(n int) bool { return n > 0 })
}
