package report

import "fmt"

// A percentile says something when at least ten samples lie beyond it.
const (
	forP99  = 1000
	forP999 = 10_000
)

// HasP99 tells whether there are samples enough for the 99th percentile.
func (l *Latency) HasP99() bool { return l != nil && l.Count >= forP99 }

func (l *Latency) p99() string  { return enough(l.P99, l.Count, forP99) }
func (l *Latency) p999() string { return enough(l.P999, l.Count, forP999) }

func enough(ms float64, samples, least int64) string {
	if samples < least {
		return unknown
	}
	return fmt.Sprintf("%.2f", ms)
}

// unknown stands where there is no figure.
const unknown = "–"

// The kernel counts processor time in ticks. What rests on few of them is told with what one amounts to.
const (
	tick = 0.01 // seconds
	few  = 50   // ticks
)

// seconds of processor time.
func seconds(cpu float64) string {
	if cpu < few*tick {
		return fmt.Sprintf("%.2f ± %.2f s", cpu, tick)
	}
	return fmt.Sprintf("%.2f s", cpu)
}

// each is the processor time of each of n, in µs with some digits.
func each(us float64, n int64, digits int) string {
	one := 1e6 * tick / float64(max(n, 1)) // of a tick
	if us < few*one {
		return fmt.Sprintf("%.*f ± %.*f", digits, us, digits, one)
	}
	return fmt.Sprintf("%.*f", digits, us)
}
