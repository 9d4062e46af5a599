package timing

import (
	"slices"
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

// Incident is a fault as it really struck. Times are since the run began.
type Incident struct {
	Kind     string
	Instance int // -1 = not one of them
	Began    time.Duration
	Ended    time.Duration
}

// Loss is a published entry that an instance was not told of.
type Loss struct {
	Instance int
	Chat     int
	Epoch    uint64
	Offset   uint32
	At       time.Duration
	Shown    time.Duration // when a later entry of the chat passed; 0 = never
}

// Spread is a set of durations.
type Spread []time.Duration

// At returns a quantile, 0 for an empty set.
func (s Spread) At(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Apart keeps the incidents near which nothing else struck but clients: from a while before they began to a while after.
func Apart(some, all []Incident, before, after time.Duration) (list []Incident) {
	for _, i := range some {
		near := func(o Incident) bool { return o != i && o.Began < i.Ended+after && o.Ended > i.Began-before }
		if !slices.ContainsFunc(all, near) {
			list = append(list, i)
		}
	}
	return list
}

// visit is a client's stay at one instance.
type visit struct {
	instance   int16
	from, to   time.Duration
	code       int16 // of its end; 0 = ended by the client or the run
	first, end int   // events
}

func visits(c *verify.Client) []visit {
	var list []visit
	open := false
	for i, e := range c.Events {
		switch {
		case e.Kind == verify.Opened:
			list = append(list, visit{instance: e.Instance, from: e.At, to: 1<<63 - 1, first: i, end: len(c.Events)})
			open = true
		case e.Kind == verify.Closed && open:
			v := &list[len(list)-1]
			v.to, v.code, v.end = e.At, e.Code, i
			open = false
		}
	}
	return list
}

// Returned tells how long clients that had broken their connection for a while took from coming back until they had
// all that the log had when they came back.
func Returned(clients []*verify.Client, during []Incident, absence time.Duration) (took Spread) {
	for _, members := range byChat(clients) {
		for _, c := range members {
			list := visits(c)
			for i, v := range list {
				within := func(p Incident) bool { return v.to >= p.Began && v.to <= p.Ended }
				if v.code != 0 || i+1 == len(list) || !slices.ContainsFunc(during, within) {
					continue
				}
				back := v.to + absence
				if at, ok := reached(c, list[i+1].from, headAt(members, back)); ok {
					took = append(took, at-back)
				}
			}
		}
	}
	return took
}

// Returns tells how long clients took from a planned close to being greeted again, and how many closes during planned
// restarts were abnormal.
func Returns(clients []*verify.Client, planned []Incident) (took Spread, abnormal int) {
	for _, c := range clients {
		list := visits(c)
		for i, v := range list {
			within := func(p Incident) bool { return int(v.instance) == p.Instance && v.to >= p.Began && v.to <= p.Ended }
			switch {
			case !slices.ContainsFunc(planned, within):
			case v.code == 1006:
				abnormal++
			case (v.code == 1012 || v.code == 1001) && i+1 < len(list):
				took = append(took, list[i+1].from-v.to)
			}
		}
	}
	return took, abnormal
}
