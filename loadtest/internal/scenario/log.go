package scenario

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// log gathers the ticks of all processes: sums of the measured stretch, and a point for each second.
type log struct {
	stg   *Stage
	began time.Time

	mu      sync.Mutex
	what    string    // is being done
	sums    work.Tick // counts of measured ticks
	latency *hdr      // of measured messages
	ack     *hdr
	lag     *hdr
	connect *hdr
	back    *hdr

	second  report.Point // since the last point
	recent  *hdr         // latencies since the last point
	series  []report.Point
	lastCPU float64

	lastRedis float64
}

type hdr = hdrhistogram.Histogram

func newLog(s *Stage) *log {
	return &log{
		stg: s, began: time.Now(), latency: work.NewHistogram(), ack: work.NewHistogram(), lag: work.NewHistogram(),
		connect: work.NewHistogram(), back: work.NewHistogram(), recent: work.NewHistogram(),
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
	l.second.Sent += t.Sent
	l.second.Delivered += t.Delivered
	merge(l.latency, t.Latency)
	merge(l.recent, t.Latency)
	merge(l.ack, t.Ack)
	merge(l.lag, t.Lag)
	merge(l.connect, t.Connect)
	merge(l.back, t.Back)
}

// merge adds a histogram in its wire form. Our own processes write no other.
func merge(into *hdr, packed []byte) {
	if len(packed) == 0 {
		return
	}
	if h, err := hdrhistogram.Decode(packed); err == nil {
		into.Merge(h)
	}
}

// start makes a point of each second until stop is called.
func (l *log) start(ctx context.Context) (stop func()) {
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				l.point(ctx)
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
		l.stg.opts.Progress.Clear()
	}
}

func (l *log) point(ctx context.Context) {
	u, err := l.stg.usage(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.second
	p.Doing = l.what
	p.Second = time.Since(l.began).Seconds()
	if err == nil && u != nil {
		p.CPU, p.RedisCPU, p.RSSBytes = u.CPU.Seconds()-l.lastCPU, u.Redis.Seconds()-l.lastRedis, u.RSS
		l.lastCPU, l.lastRedis = u.CPU.Seconds(), u.Redis.Seconds()
	}
	if lat := report.Summarize(l.recent); lat != nil {
		p.P50Ms, p.P90Ms, p.P99Ms = lat.P50, lat.P90, lat.P99
	}
	l.series = append(l.series, p)
	l.second = report.Point{}
	l.recent.Reset()
	l.stg.opts.Progress.Point(p, l.what)
}

func (l *log) stage(what string) {
	l.mu.Lock()
	l.what = what
	l.mu.Unlock()
	l.stg.opts.Progress.Stage(what)
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
