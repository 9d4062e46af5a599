package report

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eclipse/loadtest/internal/host"
)

// Course is how a run goes, second by second. Safe for concurrent use.
type Course struct {
	progress *Progress
	began    time.Time

	mu     sync.Mutex
	doing  string
	second Point                   // since the last point
	recent *hdrhistogram.Histogram // µs, latencies since the last point
	last   *host.Usage             // the reading before, nil = there was none
	points []Point
}

// NewCourse begins now. recent is an empty histogram of the kind that Merge gets.
func NewCourse(progress *Progress, recent *hdrhistogram.Histogram) *Course {
	return &Course{progress: progress, began: time.Now(), recent: recent}
}

// Stage says what is being done from now on.
func (c *Course) Stage(what string) {
	c.mu.Lock()
	c.doing = what
	c.mu.Unlock()
	c.progress.Stage(what)
}

// Count adds what happened.
func (c *Course) Count(opened, sent, delivered int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.second.Opened += opened
	c.second.Sent += sent
	c.second.Delivered += delivered
}

// Merge adds latencies in µs.
func (c *Course) Merge(latencies *hdrhistogram.Histogram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent.Merge(latencies)
}

// Follow makes a point of each second until stop is called. read tells what the server has used so far, nil = unknown.
func (c *Course) Follow(read func() *host.Usage) (stop func()) {
	c.last = read()
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				c.progress.Point(c.point(time.Since(c.began), read()))
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
		c.progress.Clear()
	}
}

// point ends a second. What was used in it is known where both ends of it are.
func (c *Course) point(at time.Duration, used *host.Usage) Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.second
	p.Doing, p.Second = c.doing, at.Seconds()
	if used != nil {
		p.RSSBytes = used.RSS
		if c.last != nil {
			p.CPU, p.RedisCPU = (used.CPU - c.last.CPU).Seconds(), (used.Redis - c.last.Redis).Seconds()
		}
	}
	c.last = used
	if l := Summarize(c.recent); l != nil {
		p.P50Ms, p.P90Ms, p.P99Ms = l.P50, l.P90, l.P99
	}
	c.points = append(c.points, p)
	c.second = Point{}
	c.recent.Reset()
	return p
}

// Points lists the seconds so far.
func (c *Course) Points() []Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.points
}
