package outage

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// ledger counts what became of the messages of each phase. Safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	accounts []account
	now      stamp
	onWay    int64     // messages that are neither stored and delivered nor refused
	backlog  int64     // of these, sent before the last fault was over
	caughtUp time.Time // when the backlog was gone, zero = not yet

	// Since the last tell, of all messages whenever they were sent.
	joined, sent, delivered int64
	recent                  *hdrhistogram.Histogram // µs, from the scheduled time to each delivery
}

// stamp is when a message was sent.
type stamp struct {
	phase    int
	measured bool // while the phase lasted, not while the traffic came back from it
	era      int  // how many faults were over
}

// account of one phase.
type account struct {
	groups     map[group]*tally
	refused    map[string]int64        // by code
	final      int64                   // refusals that are not to be tried again
	accepted   int64                   // acks
	duplicated int64                   // deliveries that came in this phase and had come before
	lag        *hdrhistogram.Histogram // µs, from the scheduled time until the kernel had it: our own lateness
}

// tally of one group in one phase.
type tally struct {
	sent, refused int64
	lost          int64                   // deliveries
	latency       *hdrhistogram.Histogram // µs, of measured messages, from the scheduled time to each delivery
}

func newLedger(phases int) *ledger {
	l := &ledger{accounts: make([]account, phases), recent: work.NewHistogram()}
	for i := range l.accounts {
		l.accounts[i] = account{groups: map[group]*tally{}, refused: map[string]int64{}, lag: work.NewHistogram()}
	}
	return l
}

func (a *account) tally(g group) *tally {
	t := a.groups[g]
	if t == nil {
		t = &tally{latency: work.NewHistogram()}
		a.groups[g] = t
	}
	return t
}

// begin begins a phase.
func (l *ledger) begin(phase int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.phase, l.now.measured = phase, true
}

// rest ends what is measured of a phase.
func (l *ledger) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.measured = false
}

// over says that a fault is over: what is on its way now is the backlog.
func (l *ledger) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.era++
	l.backlog, l.caughtUp = l.onWay, time.Time{}
	if l.backlog == 0 {
		l.caughtUp = time.Now()
	}
}

// caughtUpAt is when the backlog was gone, zero = not yet.
func (l *ledger) caughtUpAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.caughtUp
}

// join counts a member's first connected frame.
func (l *ledger) join() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.joined++
}

// tell adds what happened since the last time to the course of the run.
func (l *ledger) tell(c *report.Course) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Count(l.joined, l.sent, l.delivered)
	c.Merge(l.recent)
	l.joined, l.sent, l.delivered = 0, 0, 0
	l.recent.Reset()
}

// depart counts a message and returns its stamp.
func (l *ledger) depart(g group) stamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onWay++
	l.sent++
	if l.now.measured {
		l.accounts[l.now.phase].tally(g).sent++
	}
	return l.now
}

// arrive counts a delivery.
func (l *ledger) arrive(g group, s stamp, latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered++
	record(l.recent, latency)
	if s.measured {
		record(l.accounts[s.phase].tally(g).latency, latency)
	}
}

// wrote counts our own lateness with a message.
func (l *ledger) wrote(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.measured {
		record(l.accounts[l.now.phase].lag, lag)
	}
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue())) // in range by construction
}

// settle says that nothing more of a message is to come.
func (l *ledger) settle(s stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onWay--
	if s.era == l.now.era {
		return
	}
	if l.backlog--; l.backlog == 0 {
		l.caughtUp = time.Now()
	}
}

// refuse counts a message that the server refuses in this phase, whenever it was sent.
func (l *ledger) refuse(g group, code string, retryable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &l.accounts[l.now.phase]
	a.refused[code]++
	if !retryable {
		a.final++
	}
	a.tally(g).refused++
}

// accept counts an ack that promises that a message will be stored.
func (l *ledger) accept() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[l.now.phase].accepted++
}

// repeat counts a delivery that had come before.
func (l *ledger) repeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[l.now.phase].duplicated++
}

// lose counts deliveries that never came.
func (l *ledger) lose(g group, s stamp, deliveries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[s.phase].tally(g).lost += int64(deliveries)
}
