package check

import "fmt"

// Verdict is what a run's deliveries amount to. A delivery is one message at one socket. Verdicts of different
// chats, and of different processes, add up.
type Verdict struct {
	Sent     int64 `json:"sent"`     // messages written to a socket
	Refused  int64 `json:"refused"`  // of these, answered with an error frame that names them
	Expected int64 `json:"expected"` // deliveries that the messages not refused must cause
	Received int64 `json:"received"` // deliveries, each counted once

	Lost             int64 `json:"lost"`             // deliveries that never came
	Duplicated       int64 `json:"duplicated"`       // deliveries that came again
	OutOfOrder       int64 `json:"outOfOrder"`       // came after a later message of the same sender
	Forked           int64 `json:"forked"`           // came at another place than at another socket of the chat
	Misrouted        int64 `json:"misrouted"`        // belonged to another chat
	Unexpected       int64 `json:"unexpected"`       // nothing that this run sent, or a typist's own typing
	RefusedDelivered int64 `json:"refusedDelivered"` // deliveries of refused messages: told apart, not a violation
}

// Add adds o to v.
func (v *Verdict) Add(o Verdict) {
	v.Sent += o.Sent
	v.Refused += o.Refused
	v.Expected += o.Expected
	v.Received += o.Received
	v.Lost += o.Lost
	v.Duplicated += o.Duplicated
	v.OutOfOrder += o.OutOfOrder
	v.Forked += o.Forked
	v.Misrouted += o.Misrouted
	v.Unexpected += o.Unexpected
	v.RefusedDelivered += o.RefusedDelivered
}

// Violations names every broken promise, in words for a person; empty means that all of them held.
func (v Verdict) Violations() []string {
	var found []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{v.Lost, "lost"},
		{v.Duplicated, "duplicated"},
		{v.OutOfOrder, "out of order"},
		{v.Forked, "in another order than at another socket"},
		{v.Misrouted, "delivered to another chat"},
		{v.Unexpected, "that nobody sent"},
	} {
		if c.n > 0 {
			found = append(found, fmt.Sprintf("%d deliveries %s", c.n, c.what))
		}
	}
	return found
}
