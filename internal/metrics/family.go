package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// other is the label value of whatever its table does not name.
const other = "other"

// family is a counter with one label, whose children are resolved once and then found by number. The last child
// counts what the table does not name.
type family[E ~uint8] []prometheus.Counter

func (f family[E]) add(e E, n int) {
	i := int(e)
	if i >= len(f) {
		i = len(f) - 1
	}
	f[i].Add(float64(n))
}

// grid is a family with a second label.
type grid[E ~uint8] []family[E]

func (g grid[E]) inc(row uint8, e E) {
	i := int(row)
	if i >= len(g) {
		i = len(g) - 1
	}
	g[i].add(e, 1)
}

// register makes collectors in one registry.
type register struct{ prometheus.Registerer }

func (r register) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	r.MustRegister(c)
	return c
}

func (r register) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	r.MustRegister(g)
	return g
}

func (r register) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	r.MustRegister(h)
	return h
}

func (r register) vector(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

// newFamily registers a counter with one label.
func newFamily[E ~uint8](r register, name, help, label string, values []string) family[E] {
	return children[E](r.vector(name, help, label), nil, values)
}

// newGrid registers a counter with two labels.
func newGrid[E ~uint8](r register, name, help string, labels [2]string, rows, values []string) grid[E] {
	v := r.vector(name, help, labels[:]...)
	var g grid[E]
	for _, row := range withOther(rows) {
		g = append(g, children[E](v, []string{row}, values))
	}
	return g
}

func children[E ~uint8](v *prometheus.CounterVec, before, values []string) family[E] {
	var f family[E]
	for _, value := range withOther(values) {
		f = append(f, v.WithLabelValues(append(append([]string(nil), before...), value)...))
	}
	return f
}

func withOther(values []string) []string {
	return append(append([]string(nil), values...), other)
}
