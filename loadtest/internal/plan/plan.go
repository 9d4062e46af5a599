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

	Warmup   time.Duration `json:"warmupNs"`   // sending before it counts, 0 = none
	Duration time.Duration `json:"durationNs"` // sending that counts; above 0 but for idle and storm
	Patience time.Duration `json:"patienceNs"` // for what is on its way afterwards

	Steps  []int         `json:"steps,omitempty"` // idle: sockets open at each step, ascending, whole chats
	Settle time.Duration `json:"settleNs"`        // quiet time before memory is read
	Hold   time.Duration `json:"holdNs"`          // idle: quiet time over which processor time is taken; traffic: before each reading of memory, 0 = none

	Instances []int         `json:"instances,omitempty"` // scale: routers of each turn; chats and rate are of each of them
	Share     float64       `json:"share,omitempty"`     // of the sockets that drop and come back, 0 to 1
	Spread    time.Duration `json:"spreadNs,omitempty"`  // over which they drop; 0 = all at once
	Busy      int           `json:"busy,omitempty"`      // day: chats that are busy; with any, every message of the run is preceded by typing
	BusyRate  float64       `json:"busyRate,omitempty"`  // day: messages per second of all busy chats
}

// TypingEnds is how long a server shows a typist that says nothing; it then ends the typing itself.
const TypingEnds = 6 * time.Second

// Rates outside of these are slips: with less nothing is sent in any bearable time, and no generator keeps up with more.
const (
	leastRate = 0.01 // messages per second
	mostRate  = 1e6
)

// Validate reports every fault at once.
func (p Plan) Validate() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	p.shape(need)
	p.pace(need)
	p.drops(need)
	p.steps(need)
	return errors.Join(faults...)
}

// needFunc notes a fault unless something is so.
type needFunc func(ok bool, format string, args ...any)

// shape checks chats and sockets.
func (p Plan) shape(need needFunc) {
	need(p.Chats >= 1, "at least one chat is needed")
	need(p.Sockets >= 1, "a chat needs at least one socket")
	need(p.Senders >= 0 && p.Senders <= p.Sockets, "a chat of %d sockets cannot have %d senders", p.Sockets, p.Senders)
	need(p.Senders > 0 || !p.lasts(), "somebody has to send: give at least one sender, or take idle or storm")
	need(p.Size >= frames.MinSize && p.Size <= 16_000, "the size must be %d to 16000 bytes", frames.MinSize)
	need(!p.Typing || p.Sockets >= 2, "typing needs somebody to see it")
	need(p.Busy >= 0 && p.Busy < max(p.Chats, 1), "busy chats are some of the chats, not all of them: have more chats or fewer busy ones")
}

// lasts says whether the scenario sends for the plan's duration.
func (p Plan) lasts() bool { return p.Scenario != "idle" && p.Scenario != "storm" }

// pace checks rates and durations.
func (p Plan) pace(need needFunc) {
	need(p.Rate == 0 || p.Rate >= leastRate && p.Rate <= mostRate, "the rate is 0, which is a closed loop, or %v to %.0f messages per second", leastRate, mostRate)
	need(p.Rate != 0 || p.Window >= 1 || p.Senders == 0, "a closed loop needs a window of at least 1")
	need(p.Rate > 0 || p.Scenario != "idle", "what speaks once before it holds still needs a rate")
	need(p.Busy <= 0 || p.Rate > 0, "busy chats need an open loop for the others: give a rate")
	need(p.Busy <= 0 || p.BusyRate >= leastRate && p.BusyRate <= mostRate, "the rate of the busy chats is %v to %.0f messages per second; without any, have no busy chats", leastRate, mostRate)
	if p.Typing && p.Rate > 0 {
		pause := time.Duration(float64(p.Chats*p.Senders) / p.Rate * float64(time.Second))
		need(pause < TypingEnds-time.Second, "a typist would pause for %v and the server end its typing meanwhile: raise the rate or have fewer chats", pause)
	}
	need(p.Warmup >= 0 && p.Duration >= 0 && p.Patience >= 0 && p.Settle >= 0 && p.Hold >= 0 && p.Spread >= 0, "no duration may be negative")
	need(p.Duration != 0 || !p.lasts(), "the sending that counts needs a duration above 0")
	need(p.Patience != 0 || p.Senders == 0, "what is on its way at the end needs patience above 0, else it counts as lost")
}

// drops checks the sockets that drop and come back.
func (p Plan) drops(need needFunc) {
	need(p.Share >= 0 && p.Share <= 1, "the share of sockets that drop is 0 to 1")
	need(p.Share == 0 || p.Rate > 0 && p.V1 && !p.Typing, "sockets that drop need an open loop, and clients with clientMessageId")
	need(p.Scenario != "reconnect" || p.Share*float64(p.Total()) >= 1, "not one socket would drop: raise the share")
	need(p.Spread <= p.Duration, "sockets drop while messages are sent: a spread of %v needs a duration as long", p.Spread)
}

// steps checks what grows step by step.
func (p Plan) steps(need needFunc) {
	for i, n := range p.Steps {
		need(p.Sockets >= 1 && n >= p.Sockets && n%p.Sockets == 0, "%d sockets are no whole chats: give multiples of %d", n, p.Sockets)
		need(i == 0 || n > p.Steps[i-1], "the steps must ascend")
	}
	for i, n := range p.Instances {
		need(n >= 1 && (i == 0 || n > p.Instances[i-1]), "the numbers of instances must ascend")
	}
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
