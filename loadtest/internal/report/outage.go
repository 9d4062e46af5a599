package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// Outage is what chats noticed of faults that were caused one after the other.
type Outage struct {
	Phases      []Phase `json:"phases"`
	Unstored    int64   `json:"unstored"`    // messages that were not refused and that the API does not have
	StoredTwice int64   `json:"storedTwice"` // rows of the API that are another row's message
}

// Phase is a while with one fault. Sent and latencies are of what was sent while it lasted; what came of it, and refusals,
// count until the next phase. A time is from the end of the fault, and absent when it did not come.
type Phase struct {
	Name    string  `json:"name"`
	Fault   bool    `json:"fault"` // false: all was well
	Seconds float64 `json:"seconds"`
	Sent    int64   `json:"sent"` // messages and typing frames

	Messages *Untouched `json:"untouchedMessages,omitempty"`
	Typing   *Untouched `json:"untouchedTyping,omitempty"`
	LagMs    *Latency   `json:"lagMs,omitempty"` // the generator's own lateness, part of the two above

	Lost         int64            `json:"lost"`              // deliveries
	Duplicated   int64            `json:"duplicated"`        // deliveries
	Accepted     int64            `json:"accepted"`          // acks before the message was stored
	Refused      map[string]int64 `json:"refused,omitempty"` // messages by error code
	NotRetryable int64            `json:"notRetryable"`      // of these, not to be tried again

	FirstStoredMs *float64 `json:"firstStoredMs,omitempty"` // until the first touched chat had a message stored
	StoredMs      *float64 `json:"storedMs,omitempty"`      // until all of them had
	CaughtUpMs    *float64 `json:"caughtUpMs,omitempty"`    // until all that was on its way then was delivered or refused
}

// Untouched is the traffic of the chats that a fault does not touch.
type Untouched struct {
	Sent      int64    `json:"sent"`
	Lost      int64    `json:"lost"`    // deliveries
	Refused   int64    `json:"refused"` // messages
	LatencyMs *Latency `json:"latencyMs,omitempty"`
	P99Ratio  *float64 `json:"p99Ratio,omitempty"` // to the same chats in the first phase
}

func (o *Outage) problems() (found []string) {
	for _, c := range []struct {
		n    int64
		what string
	}{
		{o.Unstored, "messages that were not refused and not stored"},
		{o.StoredTwice, "messages stored twice"},
	} {
		if c.n > 0 {
			found = append(found, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	for _, p := range o.Phases {
		if p.Fault && (p.StoredMs == nil || p.CaughtUpMs == nil) {
			found = append(found, "did not come back after: "+p.Name)
		}
	}
	return found
}

func (o *Outage) write(line lineFunc) {
	for _, p := range o.Phases {
		line(p.Name, "%.1f s, %s sent, %d deliveries lost, %d doubled, %d accepted, refused: %s", p.Seconds, humanize.Comma(p.Sent),
			p.Lost, p.Duplicated, p.Accepted, p.refusals())
		p.Messages.write(line, "untouched messages")
		p.Typing.write(line, "untouched typing")
		p.LagMs.line(line, "- own lag")
		if p.Fault {
			line("- afterwards", "stored again after %s (first) and %s (all chats), caught up after %s", span(p.FirstStoredMs), span(p.StoredMs), span(p.CaughtUpMs))
		}
	}
}

func (u *Untouched) write(line lineFunc, name string) {
	if u == nil || u.LatencyMs == nil {
		return
	}
	ratio := ""
	if u.P99Ratio != nil {
		ratio = fmt.Sprintf(", p99 × %.2f", *u.P99Ratio)
	}
	l := u.LatencyMs
	line("- "+name, "%s sent, %d deliveries lost, %d refused, p50 %.2f  p99 %s  p99.9 %s ms of %s samples%s", humanize.Comma(u.Sent), u.Lost, u.Refused,
		l.P50, l.p99(), l.p999(), humanize.Comma(l.Count), ratio)
}

// refusals lists the codes.
func (p *Phase) refusals() string {
	if len(p.Refused) == 0 {
		return "none"
	}
	var list []string
	for code, n := range p.Refused {
		list = append(list, fmt.Sprintf("%d × %s", n, code))
	}
	slices.Sort(list)
	if p.NotRetryable > 0 {
		return fmt.Sprintf("%s, %d of them for good", strings.Join(list, ", "), p.NotRetryable)
	}
	return strings.Join(list, ", ") + ", all retryable"
}

func span(ms *float64) string {
	if ms == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *ms/1000)
}
