package report

import "testing"

func TestPercentilesNeedSamples(t *testing.T) {
	for _, tt := range []struct {
		samples   int64
		p99, p999 string
	}{{999, "–", "–"}, {1000, "4.00", "–"}, {9999, "4.00", "–"}, {10_000, "4.00", "8.00"}} {
		l := latency(1)
		l.Count = tt.samples
		if l.p99() != tt.p99 || l.p999() != tt.p999 || l.HasP99() != (tt.p99 != unknown) {
			t.Errorf("%d samples: %s, %s", tt.samples, l.p99(), l.p999())
		}
	}
	if (*Latency)(nil).HasP99() {
		t.Error("nothing has a percentile")
	}
}

func TestFewTicksAreToldWithTheirError(t *testing.T) {
	for _, tt := range []struct {
		cpu           float64
		seconds, each string
	}{{0, "0.00 ± 0.01 s", "0.0 ± 5.0"}, {0.49, "0.49 ± 0.01 s", "245.0 ± 5.0"}, {0.5, "0.50 s", "250.0"}} {
		if s, e := seconds(tt.cpu), each(1e6*tt.cpu/2000, 2000, 1); s != tt.seconds || e != tt.each {
			t.Errorf("%v: %s, %s", tt.cpu, s, e)
		}
	}
}
