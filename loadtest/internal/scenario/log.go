package scenario

import (
	"fmt"
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// log gathers the ticks of all processes: sums of the measured stretch, and the course of the whole.
type log struct {
	course *report.Course

	mu      sync.Mutex
	sums    work.Tick // counts of measured ticks
	latency *hdr      // of measured messages
	ack     *hdr
	lag     *hdr
	connect *hdr
	back    *hdr
	missed  int   // readings of what the server uses that failed twice
	why     error // the last of them did
}

type hdr = hdrhistogram.Histogram

func newLog(p *report.Progress) *log {
	return &log{
		course: report.NewCourse(p, work.NewHistogram()), latency: work.NewHistogram(), ack: work.NewHistogram(), lag: work.NewHistogram(),
		connect: work.NewHistogram(), back: work.NewHistogram(),
	}
}

// add takes a tick of one process.
func (l *log) add(t *work.Tick) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Measured {
		l.sums.Sent += t.Sent
		l.sums.Delivered += t.Delivered
		l.sums.Stored += t.Stored
		l.sums.Accepted += t.Accepted
	}
	if h := merge(l.latency, t.Latency); h != nil {
		l.course.Merge(h)
	}
	var opened int64
	if h := merge(l.connect, t.Connect); h != nil {
		opened = h.TotalCount()
	}
	l.course.Count(opened, t.Sent, t.Delivered)
	merge(l.ack, t.Ack)
	merge(l.lag, t.Lag)
	merge(l.back, t.Back)
}

// merge adds a histogram in its wire form, which it returns, nil when it is empty. Our own processes write no other.
func merge(into *hdr, packed []byte) *hdr {
	if len(packed) == 0 {
		return nil
	}
	h, err := hdrhistogram.Decode(packed)
	if err != nil {
		return nil
	}
	into.Merge(h)
	return h
}

// miss notes that what the server uses could not be read.
func (l *log) miss(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed++
	l.why = why
}

// notes say what is to be known about the figures.
func (l *log) notes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missed == 0 {
		return nil
	}
	return []string{fmt.Sprintf("what the server uses could not be read %d times, and figures of those moments are missing; the last time: %v", l.missed, l.why)}
}

// fill writes the sums of the measured stretch.
func (l *log) fill(t *report.Traffic) {
	l.mu.Lock()
	t.Sent, t.Delivered, t.Stored, t.Accepted = l.sums.Sent, l.sums.Delivered, l.sums.Stored, l.sums.Accepted
	l.mu.Unlock()
	l.latencies(t)
}

// latencies writes the distributions as far as they are known; what was on its way comes in while draining.
func (l *log) latencies(t *report.Traffic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.LatencyMs, t.AckMs, t.LagMs = report.Summarize(l.latency), report.Summarize(l.ack), report.Summarize(l.lag)
}

// connects is the distribution of what opening took so far.
func (l *log) connects() *report.Latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	return report.Summarize(l.connect)
}

// returns is the distribution of what coming back took.
func (l *log) returns() *report.Latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	return report.Summarize(l.back)
}
