package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/work"
)

var update = flag.Bool("update", false, "write the golden files anew")

func ptr(f float64) *float64 { return &f }

func latency(scale float64) *Latency {
	return &Latency{Count: 1000, Mean: 1.5 * scale, P50: 1 * scale, P90: 2 * scale, P99: 4 * scale, P999: 8 * scale, Max: 9 * scale}
}

// full has every field set, so that the golden file shows all of the schema.
func full(target string, scale float64) *Result {
	return &Result{
		Error: "interrupted", Target: target, Processes: 2, Servers: 1, ReadyMs: 120, APIMs: latency(20), LoadCPU: 3.5, RSSBytes: 30 << 20,
		Plan: plan.Plan{
			Scenario: "chat", Chats: 500, Sockets: 2, Senders: 2, Typing: true, Size: 100, V1: true, Rate: 500, Window: 1,
			Warmup: time.Second, Duration: 2 * time.Second, Patience: 3 * time.Second, Steps: []int{500, 1000}, Settle: 1, Hold: 2,
			Instances: []int{1, 2}, Share: 0.5, Spread: 1, Busy: 20, BusyRate: 40,
		},
		Opening: Opening{Sockets: 1000, Seconds: 2, PerSecond: 500, CPUSeconds: ptr(0.25 * scale), ConnectMs: latency(3)},
		Traffic: &Traffic{
			Seconds: 2, Sent: 1000, Delivered: 2000, Stored: 990, Accepted: 10, SentPerSecond: 500, DeliveredPerSecond: 1000,
			LatencyMs: latency(scale), AckMs: latency(scale), LagMs: latency(0.1), CPUSeconds: ptr(0.2 * scale),
			CPUUsPerMessage: ptr(200 * scale), CPUUsPerDelivery: ptr(100 * scale), RedisUsPerMessage: ptr(30),
			LoadUsPerDelivery: 8, LoadBusy: 0.25, RSSBytes: 40 << 20, ControlCPUSeconds: ptr(0.06), ControlUsPerMessage: ptr(60), Occupied: 0.95,
			RedisCommandsPerMessage: ptr(2.5), RedisCommands: map[string]float64{"publish": 1, "evalsha": 1, "ping": 0.5},
		},
		Idle: &Idle{
			Steps: []Step{{500, 33 << 20, 4 << 20}, {1000, 36 << 20, 8 << 20}}, BytesPerSocket: ptr(6291 * scale), KernelPerSocket: ptr(4096), KernelObjects: 3712, HoldSeconds: 20,
			HoldCPUSeconds: ptr(0.1 * scale), RSSBytesAfter: 36 << 20,
		},
		Outage: outages(scale),
		Actors: bare(scale),
		Quiet:  &Quiet{BeforeBytes: 30 << 20, AfterBytes: 36 << 20},
		Reconnect: &Reconnect{
			Sockets: 1000, Dialers: 900, NotBack: 2, Seconds: 1.25, BackMs: latency(100 * scale), CalmCPUSeconds: ptr(0.2), Retries: map[string]int64{"timed out": 2},
		},
		Verdict: check.Verdict{Sent: 1000, Refused: 1, Expected: 1998, Received: 1997, Lost: 1, Duplicated: 2, OutOfOrder: 3, Forked: 4, Misrouted: 5, Unexpected: 6, RefusedDelivered: 7},
		Unacked: 8, Unstored: 9, Errors: map[string]int64{"OVERLOADED": 1, "malformed frame": 1}, Refusals: map[string]int64{"OVERLOADED": 1}, Closes: map[string]int64{"4009": 2}, Refused: map[string]int64{"timed out": 3},
		Notes: []string{"one reading failed"}, Series: []Point{{Second: 1, Opened: 10, Sent: 500, Delivered: 1000, P50Ms: 1, P90Ms: 2, P99Ms: 4, CPU: 0.1, RedisCPU: 0.01, RSSBytes: 38 << 20, Doing: "measuring"}},
	}
}

func outages(scale float64) *Outage {
	return &Outage{
		Phases: []Phase{
			{Name: "quiet", Seconds: 30, Sent: 1000, Messages: &Untouched{Sent: 600, LatencyMs: latency(scale)}, LagMs: latency(0.1)},
			{
				Name: "API down", Fault: true, Seconds: 30, Sent: 1000, Lost: 1, Duplicated: 2, Accepted: 3, NotRetryable: 4,
				Refused:  map[string]int64{"OVERLOADED": 5, "API_UNAVAILABLE": 6},
				Messages: &Untouched{Sent: 600, Lost: 1, Refused: 7, LatencyMs: latency(scale), P99Ratio: ptr(1.25)},
				Typing:   &Untouched{Sent: 400, LatencyMs: latency(scale / 2), P99Ratio: ptr(1)},
				StoredMs: ptr(2500), FirstStoredMs: ptr(1500), CaughtUpMs: ptr(3000),
			},
			{Name: "router killed", Fault: true, Seconds: 10, Sent: 300, Refused: map[string]int64{"OVERLOADED": 1}},
		},
		Unstored: 1, StoredTwice: 2,
	}
}

func bare(scale float64) *Actors {
	part := func(name string, chats int) ActorPart {
		return ActorPart{
			Name: name, Chats: chats, Sockets: 2, Seconds: 3, Sent: 3000, Refused: 1, Expected: 6000, Delivered: 6000, SentPerSecond: 1000, DeliveredPerSecond: 2000,
			BytesPerDelivery: 134, CPUUsPerMessage: 2 * scale, CPUUsPerDelivery: scale, Processors: 1.8,
		}
	}
	return &Actors{
		Generator: part("generator", 1000), Parts: []ActorPart{part("typing", 1000), part("messages", 100_000)}, CostRatio: 1.5,
		Spawned: 600_000, SpawnSeconds: 6, SpawnPerSecond: 100_000, Memory: []Step{{100_000, 400 << 20, 0}, {200_000, 800 << 20, 0}},
		BytesPerChat: ptr(4194), Spoken: Step{200_000, 900 << 20, 0},
	}
}

// The same load on more and more routers is compared in one table.
func TestScale(t *testing.T) {
	r := &Report{}
	for i, n := range []int{1, 2} {
		result := full("routers", 1+float64(i)/2)
		result.Plan.Scenario, result.Servers = "scale", n
		r.Results = append(r.Results, result)
	}
	var b bytes.Buffer
	r.scale(&b)
	want := "\nscale\n  routers\tmessages/s\tCPU µs per message\tto the first\tRedis CPU µs\tRedis commands\tp50 ms\tp99 ms\n" +
		"  1\t500\t200 ± 10\t× 1.00\t30.0\t2.50\t1.00\t4.00\n  2\t500\t300 ± 10\t× 1.50\t30.0\t2.50\t1.50\t6.00\n"
	if b.String() != want {
		t.Errorf("%s", &b)
	}
	r.Results = r.Results[:1]
	b.Reset()
	if r.scale(&b); b.Len() > 0 {
		t.Error("one turn has nothing to be compared with")
	}
}

func TestCommandsPerMessage(t *testing.T) {
	tr := &Traffic{Sent: 100}
	tr.Commands(map[string]int64{"ping": 5, "publish": 10}, map[string]int64{"ping": 5, "publish": 110, "evalsha": 50})
	if *tr.RedisCommandsPerMessage != 1.5 || tr.commands() != "publish 1.00, evalsha 0.50" {
		t.Errorf("%v, %s", *tr.RedisCommandsPerMessage, tr.commands())
	}
}

func fullReport() *Report {
	r := &Report{
		Version: Version, Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Command: []string{"chat", "-relay=true"},
		Machine: Machine{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26", Pins: true},
		Results: []*Result{full("relay", 1), full("router", 1.5)},
	}
	r.Ratios = Compare(r.Results[1], r.Results[0])
	return r
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update writes it anew when that is meant (and Version rises when a field changes its meaning)\n%s", file, got)
	}
}

func TestJSONSchema(t *testing.T) {
	got, err := json.MarshalIndent(fullReport(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.golden.json", append(got, '\n'))
	var back Report
	d := json.NewDecoder(bytes.NewReader(got))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := fullReport().Write(&b, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table.golden.txt", b.Bytes())
}

func TestRatios(t *testing.T) {
	ratios := Compare(full("router", 3), full("relay", 2))
	if len(ratios) != 8 {
		t.Fatalf("%d ratios: %v", len(ratios), ratios)
	}
	for _, r := range ratios {
		want := 1.5
		if r.Figure == "deliveries per second" {
			want = 1
		}
		if math.Abs(r.Value-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", r.Figure, r.Value, want)
		}
	}
	if got := Compare(&Result{}, full("relay", 1)); len(got) != 0 {
		t.Errorf("nothing was measured, and yet %v", got)
	}
}

func TestSlope(t *testing.T) {
	steps := []Step{{5000, 100_000_000, 0}, {10000, 130_000_000, 0}, {15000, 160_000_000, 0}}
	if got := Slope(steps, Resident); got == nil || math.Abs(*got-6000) > 1e-6 {
		t.Errorf("slope %v, want 6000", got)
	}
	if Slope(steps[:1], Resident) != nil || Slope(steps, Kernel) != nil {
		t.Error("a slope without two readings")
	}
}

func TestProblems(t *testing.T) {
	r := full("router", 1)
	strict, tolerant := r.Problems(false), r.Problems(true)
	if len(strict) != 17 || len(tolerant) != 16 || strict[0] != "not finished: interrupted" {
		t.Errorf("strict %q\ntolerant %q", strict, tolerant)
	}
	if got := (&Result{}).Problems(false); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestWhatWasNotFinishedIsNotOK(t *testing.T) {
	r := &Report{Results: []*Result{{Error: "interrupted", Target: "router", Plan: plan.Plan{Scenario: "chat"}}}}
	var b bytes.Buffer
	if err := r.Write(&b, false); err != nil {
		t.Fatal(err)
	}
	if want := "\nchat on router\n  FAILED  not finished: interrupted\n"; b.String() != want {
		t.Errorf("%s", &b)
	}
}

// Refusals are tolerated where that is asked; what names no message, and a run in which nothing arrived, never.
func TestToleratesRefusalsOnly(t *testing.T) {
	r := &Result{Verdict: check.Verdict{Sent: 9, Refused: 2, Received: 7}, Errors: map[string]int64{"OVERLOADED": 3}, Refusals: map[string]int64{"OVERLOADED": 2}}
	if got := r.Problems(true); len(got) != 1 || got[0] != "1 × error OVERLOADED" {
		t.Errorf("%q", got)
	}
	r.Errors["OVERLOADED"] = 2
	if got := r.Problems(true); len(got) != 0 {
		t.Errorf("%q", got)
	}
	r.Verdict = check.Verdict{Sent: 2, Refused: 2}
	if got := r.Problems(true); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestSummarize(t *testing.T) {
	h := work.NewHistogram()
	if Summarize(h) != nil {
		t.Error("an empty histogram has no distribution")
	}
	for us := int64(1000); us <= 100_000; us += 1000 {
		if err := h.RecordValue(us); err != nil {
			t.Fatal(err)
		}
	}
	l := Summarize(h)
	near := func(got, want float64) bool { return math.Abs(got-want) < want/500 }
	if l.Count != 100 || !near(l.P50, 50) || !near(l.P90, 90) || !near(l.P99, 99) || !near(l.Max, 100) || !near(l.Mean, 50.5) {
		t.Errorf("%+v", l)
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	columns := 200
	p := NewProgress(&b, func() int { return columns }, "chat on router")
	p.Stage("opening")
	p.Point(Point{Second: 1, Opened: 5000, Doing: "opening"})
	p.Point(Point{Second: 3, Sent: 1000, Delivered: 2000, Doing: "measuring"})
	p.Point(Point{Second: 4, Sent: 1000, Delivered: 2000, P99Ms: 22.34, CPU: 0.5, RSSBytes: 40 << 20, Doing: "measuring"})
	for _, want := range []string{
		"chat on router: opening ", "chat on router: opening  1 s  opened 5,000 ", "measuring  3 s  sent 1,000  delivered 2,000 (2,000/s) ",
		"chat on router: measuring  4 s  sent 2,000  delivered 4,000 (2,000/s)  p99 22.3 ms  cpu 50%  rss 40 MiB",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %q", want, b.String())
		}
	}
	columns = 80
	for range 3 {
		b.Reset()
		p.Point(Point{Second: 1000, Sent: 100_000, Delivered: 200_000, P99Ms: 22.34, CPU: 0.5, RSSBytes: 40 << 20, Doing: "waiting for the last deliveries"})
		_, row, _ := strings.Cut(strings.ReplaceAll(b.String(), "\x1b[2K", ""), "\r")
		if n := utf8.RuneCountInString(strings.TrimPrefix(row, "\r")); n > columns-1 || n < columns/2 {
			t.Errorf("%d columns: %q", n, b.String())
		}
	}
	p.Clear()
	const cleared = "\x1b[2K\r"
	if strings.Contains(b.String(), "\n") || !strings.HasSuffix(b.String(), cleared) {
		t.Errorf("more than one line, or a line left: %q", b.String())
	}
	var silent Progress
	silent.Stage("x")
	silent.Point(Point{})
	silent.Clear()
}

func TestALineOfProgressFitsTheTerminal(t *testing.T) {
	parts := []string{"12 s", "sent 5", "rss 1 MiB"}
	for _, tt := range []struct {
		columns int
		want    string
	}{
		{60, "chat on router: measuring  12 s  sent 5  rss 1 MiB"},
		{50, "chat on router: measuring  12 s  sent 5  rss 1 MiB"},
		{49, "measuring  12 s  sent 5  rss 1 MiB"},
		{33, "measuring  12 s  sent 5"},
		{9, "measuring"},
		{4, "meas"},
		{-3, ""},
	} {
		if got := fit(tt.columns, "chat on router", "measuring", parts); got != tt.want {
			t.Errorf("%d columns: %q", tt.columns, got)
		}
	}
}
