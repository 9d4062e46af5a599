package report

import (
	"testing"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/work"
)

func TestACourseHasAPointOfEachSecond(t *testing.T) {
	c := NewCourse(&Progress{}, work.NewHistogram())
	c.Stage("measuring")
	latencies := work.NewHistogram()
	_ = latencies.RecordValue(2000)
	used := func(cpu, redis time.Duration) *host.Usage {
		return &host.Usage{CPU: cpu * time.Millisecond, Redis: redis * time.Millisecond, RSS: 1 << 20}
	}
	c.Count(3, 10, 20)
	c.Merge(latencies)
	c.point(time.Second, used(500, 50)) // there was no reading before
	c.point(2*time.Second, used(700, 60))
	c.point(3*time.Second, nil) // it failed
	c.point(4*time.Second, used(2000, 80))
	c.point(5*time.Second, used(2100, 80))
	for i, want := range []Point{
		{Second: 1, Opened: 3, Sent: 10, Delivered: 20, P50Ms: 2, P90Ms: 2, P99Ms: 2, RSSBytes: 1 << 20},
		{Second: 2, CPU: 0.2, RedisCPU: 0.01, RSSBytes: 1 << 20},
		{Second: 3},
		{Second: 4, RSSBytes: 1 << 20},
		{Second: 5, CPU: 0.1, RSSBytes: 1 << 20},
	} {
		want.Doing = "measuring"
		if got := c.Points()[i]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
