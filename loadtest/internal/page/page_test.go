package page

import (
	"bytes"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
)

var update = flag.Bool("update", false, "write the golden file anew")

func sample() *report.Report {
	r := &report.Result{Target: "router", Plan: plan.Plan{Scenario: "chat"}}
	for i := range 10 {
		p := report.Point{Second: float64(i + 1), Sent: int64(100 * i), Delivered: int64(200 * i), CPU: 0.05 * float64(i), RSSBytes: int64(20+i) << 20, Doing: "opening"}
		if i > 3 {
			p.Doing, p.P50Ms, p.P90Ms, p.P99Ms = "measuring", 20, 25, 30+float64(i)
		}
		r.Series = append(r.Series, p)
	}
	return &report.Report{
		Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Command: []string{"chat", "-x=<b>"},
		Machine: report.Machine{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26"}, Results: []*report.Result{r},
	}
}

func TestPage(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, sample(), false); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/page.golden.html"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; -update writes it anew when that is meant\n%s", file, &got)
	}
	for _, never := range []string{"<script", "http:", "https:", "src=", "@import", "<b>", "ZgotmplZ", "NaN", "Inf"} {
		if strings.Contains(got.String(), never) {
			t.Errorf("%q stands in the page", never)
		}
	}
	if n := strings.Count(got.String(), "<svg"); n != 4 {
		t.Errorf("%d plots", n)
	}
}

func TestAFailureStandsInThePage(t *testing.T) {
	r := sample()
	r.Results[0].Unacked, r.Results[0].Series = 3, nil
	var got bytes.Buffer
	if err := Write(&got, r, false); err != nil || !strings.Contains(got.String(), "FAILED: 3 messages without an ack") || strings.Contains(got.String(), "<svg") {
		t.Errorf("%v\n%s", err, &got)
	}
}

func TestWhatWasNotFinishedIsNotGreen(t *testing.T) {
	r := sample()
	r.Results[0].Error = "interrupted"
	var got bytes.Buffer
	if err := Write(&got, r, false); err != nil || !strings.Contains(got.String(), "FAILED: not finished: interrupted") || strings.Contains(got.String(), "Everything that was sent") {
		t.Errorf("%v\n%s", err, &got)
	}
}

func TestAnAxisEndsAtARoundNumber(t *testing.T) {
	for _, tt := range []struct{ highest, step, end float64 }{{0, 1, 1}, {1, 0.5, 1}, {3.9, 1, 4}, {41, 20, 60}, {100, 50, 100}, {1e6, 5e5, 1e6}} {
		if s := newScale(tt.highest, 0, 1); math.Abs(s.step-tt.step) > 1e-9 || math.Abs(s.end-tt.end) > 1e-9 {
			t.Errorf("%v: steps of %v up to %v", tt.highest, s.step, s.end)
		}
	}
}

func TestAGapBeginsANewStroke(t *testing.T) {
	l := line{X: []float64{0, 1, 2, 3}, Y: []float64{1, gap, 1, 2}}
	s := scale{1, 10, 0, 100}
	if got := l.path(s, s); got != "M0.0 10.0h0M20.0 10.0h0L30.0 20.0" {
		t.Errorf("path %q", got)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.5", 1234: "1234", 12_500: "12.5k", 1e6: "1000k"} {
		if got := short(v); got != want {
			t.Errorf("%v: %q", v, got)
		}
	}
}
