package work

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms reach from 1 µs to a minute in three digits; what is longer counts as a minute.
const (
	lowest  = 1
	highest = int64(time.Minute / time.Microsecond)
	digits  = 3
)

// NewHistogram makes an empty histogram of the kind that ticks carry.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

// meter gathers what happens between two ticks, and the account of the whole.
type meter struct {
	mu       sync.Mutex
	tick     Tick
	latency  *hdrhistogram.Histogram
	ack      *hdrhistogram.Histogram
	lag      *hdrhistogram.Histogram
	connect  *hdrhistogram.Histogram
	returns  *hdrhistogram.Histogram
	errors   map[string]int64
	named    map[string]int64 // of these, those that refused a message by name
	closes   map[string]int64
	refusals map[string]int64 // of dials
}

func newMeter() *meter {
	return &meter{
		latency: NewHistogram(), ack: NewHistogram(), lag: NewHistogram(), connect: NewHistogram(), returns: NewHistogram(),
		errors: map[string]int64{}, named: map[string]int64{}, closes: map[string]int64{}, refusals: map[string]int64{},
	}
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), lowest), highest)) // in range by construction
}

func (m *meter) sent(lag time.Duration, measured bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick.Sent++
	if measured {
		record(m.lag, lag)
	}
}

func (m *meter) delivered(latency time.Duration, measured bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick.Delivered++
	if measured {
		record(m.latency, latency)
	}
}

// acked counts an ack; its time counts for the first one of a message only.
func (m *meter) acked(stored bool, latency time.Duration, measured bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored {
		m.tick.Stored++
	} else {
		m.tick.Accepted++
	}
	if measured {
		record(m.ack, latency)
	}
}

func (m *meter) connected(after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	record(m.connect, after)
}

// count adds one to a name in one of the meter's maps.
func (m *meter) count(in map[string]int64, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in[name]++
}

// take returns what happened since the last take.
func (m *meter) take() *Tick {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tick
	t.Latency, t.Ack, t.Lag, t.Connect, t.Back = pack(m.latency), pack(m.ack), pack(m.lag), pack(m.connect), pack(m.returns)
	m.tick = Tick{}
	return &t
}

// pack empties a histogram into its wire form.
func pack(h *hdrhistogram.Histogram) []byte {
	if h.TotalCount() == 0 {
		return nil
	}
	p, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic("work: a histogram that cannot be encoded: " + err.Error()) // into memory: only a bug can
	}
	h.Reset()
	return p
}
