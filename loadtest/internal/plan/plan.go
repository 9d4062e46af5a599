// Package plan is what a run is to do: plain data and its checks.
package plan

import (
	"errors"
	"fmt"
	"time"

	"eclipse/loadtest/internal/frames"
)

// Plan of one scenario. Durations are nanoseconds in JSON.
type Plan struct {
	Scenario string `json:"scenario"`

	Chats   int  `json:"chats"`   // of the whole run
	Sockets int  `json:"sockets"` // per chat, at least 1
	Senders int  `json:"senders"` // the first so many sockets of a chat send in turn; 0 = nobody
	Typing  bool `json:"typing"`  // typing frames instead of messages
	Size    int  `json:"size"`    // bytes of a message's content, at most 16,000
	V1      bool `json:"v1"`      // part-2 clients with clientMessageId and acks

	Rate   float64 `json:"rate"`   // open loop: messages per second of the whole run; 0 = closed loop
	Window int     `json:"window"` // closed loop: messages on their way per chat

	Warmup   time.Duration `json:"warmupNs"`   // sending before it counts
	Duration time.Duration `json:"durationNs"` // sending that counts
	Patience time.Duration `json:"patienceNs"` // for what is on its way afterwards

	Steps  []int         `json:"steps,omitempty"` // idle: sockets open at each step, ascending
	Settle time.Duration `json:"settleNs"`        // quiet time before memory is read
	Hold   time.Duration `json:"holdNs"`          // idle: quiet time over which processor time is taken; traffic: before each reading of memory, 0 = none

	Instances []int         `json:"instances,omitempty"` // scale: routers of each turn; chats and rate are of each of them
	Share     float64       `json:"share,omitempty"`     // of the sockets that drop and come back, 0 to 1
	Spread    time.Duration `json:"spreadNs,omitempty"`  // over which they drop; 0 = all at once
	Busy      int           `json:"busy,omitempty"`      // day: chats that are busy
	BusyRate  float64       `json:"busyRate,omitempty"`  // day: messages per second of all busy chats; each is preceded by typing
}

// TypingEnds is how long a server shows a typist that says nothing; it then ends the typing itself.
const TypingEnds = 6 * time.Second

// Validate reports every fault at once.
func (p Plan) Validate() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	need(p.Chats >= 1, "at least one chat is needed")
	need(p.Sockets >= 1, "a chat needs at least one socket")
	need(p.Senders >= 0 && p.Senders <= p.Sockets, "a chat of %d sockets cannot have %d senders", p.Sockets, p.Senders)
	need(p.Size >= frames.MinSize && p.Size <= 16_000, "the size must be %d to 16000 bytes", frames.MinSize)
	need(p.Rate >= 0, "the rate must not be negative")
	need(p.Rate > 0 || p.Window >= 1 || p.Senders == 0, "a closed loop needs a window of at least 1")
	need(p.Share >= 0 && p.Share <= 1, "the share of sockets that drop is 0 to 1")
	need(p.Share == 0 || p.Rate > 0 && p.V1 && !p.Typing, "sockets that drop need an open loop, and clients with clientMessageId")
	need(p.Busy >= 0 && p.Busy < max(p.Chats, 1) && p.BusyRate >= 0, "busy chats are some of the chats")
	for i, n := range p.Instances {
		need(n >= 1 && (i == 0 || n > p.Instances[i-1]), "the numbers of instances must ascend")
	}
	need(p.Rate > 0 || p.Scenario != "idle", "what speaks once before it holds still needs a rate")
	need(!p.Typing || p.Sockets >= 2, "typing needs somebody to see it")
	if p.Typing && p.Rate > 0 {
		pause := time.Duration(float64(p.Chats*p.Senders) / p.Rate * float64(time.Second))
		need(pause < TypingEnds-time.Second, "a typist would pause for %v and the server end its typing meanwhile: raise the rate or have fewer chats", pause)
	}
	need(p.Warmup >= 0 && p.Duration >= 0 && p.Patience >= 0 && p.Settle >= 0 && p.Hold >= 0 && p.Spread >= 0, "no duration may be negative")
	for i, n := range p.Steps {
		need(n >= p.Sockets && (i == 0 || n > p.Steps[i-1]), "the steps must ascend and hold whole chats")
	}
	return errors.Join(faults...)
}

// Total is the number of sockets of the whole run.
func (p Plan) Total() int { return p.Chats * p.Sockets }

// Share splits n things over processes: process i of procs gets size of them, from first on. With a growing n no share shrinks.
func Share(n, i, procs int) (first, size int) {
	size, rest := n/procs, n%procs
	if i < rest {
		return i * (size + 1), size + 1
	}
	return i*size + rest, size
}
