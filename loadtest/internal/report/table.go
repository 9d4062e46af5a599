package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"eclipse/loadtest/internal/plan"
)

// Write writes the report as tables for people.
func (r *Report) Write(w io.Writer, tolerant bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, result := range r.Results {
		result.write(t, tolerant)
	}
	r.scale(t)
	for i, ratio := range r.Ratios {
		if i == 0 {
			fmt.Fprintf(t, "\nserver : relay\n")
		}
		fmt.Fprintf(t, "  %s\t%s\t× %.2f\n", ratio.Scenario, ratio.Figure, ratio.Value)
	}
	return t.Flush()
}

func (r *Result) write(w io.Writer, tolerant bool) {
	fmt.Fprintf(w, "\n%s on %s\n", r.Plan.Scenario, r.Target)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "  "+name+"\t"+format+"\n", args...) }
	if r.ReadyMs > 0 {
		line("started", "ready after %.0f ms, %s resident", r.ReadyMs, size(r.RSSBytes))
	}
	if r.Actors != nil {
		r.Actors.write(line)
	}
	if o := r.Opening; o.Sockets > 0 || r.Actors == nil && r.Error == "" {
		line("sockets", "%s in %d chats, opened in %.2f s (%.0f/s)%s", humanize.Comma(int64(o.Sockets)), r.Plan.Chats, o.Seconds, o.PerSecond, serverCPU(o.CPUSeconds))
		o.ConnectMs.line(line, "connect")
	}
	if r.Traffic != nil {
		r.Traffic.write(line, r.Plan)
	}
	if r.Idle != nil {
		r.Idle.write(line, r.RSSBytes)
	}
	if r.Reconnect != nil {
		r.Reconnect.write(line, r.Traffic)
	}
	if r.Quiet != nil {
		r.Quiet.write(line)
	}
	if r.Outage != nil {
		r.Outage.write(line)
	}
	r.APIMs.line(line, "API itself")
	if r.Processes > 0 {
		line("generator", "%d processes, %.2f s CPU in all", r.Processes, r.LoadCPU)
	}
	if v := r.Verdict; v.Sent > 0 || r.Error == "" { // else there was no time to check
		line("checked", "%s sent, %s of %s deliveries, %d refused", humanize.Comma(v.Sent), humanize.Comma(v.Received), humanize.Comma(v.Expected), v.Refused)
	}
	for _, note := range r.Notes {
		line("note", "%s", note)
	}
	problems := r.Problems(tolerant)
	if len(problems) == 0 {
		line("verdict", "ok")
	}
	for _, p := range problems {
		line("FAILED", "%s", p)
	}
}

// nearlyFull is the share of its processors from which on the load itself is what is measured.
const nearlyFull = 0.9

type lineFunc func(name, format string, args ...any)

func (t *Traffic) write(line lineFunc, p plan.Plan) {
	loop := fmt.Sprintf("open loop, %.0f/s", p.Rate)
	if p.Busy > 0 {
		loop += fmt.Sprintf(" and %.0f/s in %d busy chats", p.BusyRate, p.Busy)
	}
	if p.Rate == 0 {
		loop = fmt.Sprintf("closed loop, window %d", p.Window)
	}
	line("measured", "%.1f s, %s", t.Seconds, loop)
	line("sent", "%s (%.0f/s)", humanize.Comma(t.Sent), t.SentPerSecond)
	line("delivered", "%s (%.0f/s)", humanize.Comma(t.Delivered), t.DeliveredPerSecond)
	if t.Stored+t.Accepted > 0 {
		line("acks", "%s stored, %s accepted", humanize.Comma(t.Stored), humanize.Comma(t.Accepted))
	}
	t.LatencyMs.line(line, "latency")
	t.AckMs.line(line, "ack")
	t.LagMs.line(line, "own lag")
	if t.CPUUsPerMessage != nil && t.CPUUsPerDelivery != nil {
		line("server", "%s µs CPU per message, %s per delivery, %.0f%% of a processor, %s resident",
			each(*t.CPUUsPerMessage, t.Sent, 1), each(*t.CPUUsPerDelivery, t.Delivered, 1), 100**t.CPUSeconds/t.Seconds, size(t.RSSBytes))
	}
	if t.RedisUsPerMessage != nil {
		line("redis", "%s µs CPU per message", each(*t.RedisUsPerMessage, t.Sent, 1))
	}
	if t.RedisCommandsPerMessage != nil {
		line("redis commands", "%.2f per message, those inside of scripts too: %s", *t.RedisCommandsPerMessage, t.commands())
	}
	line("own cost", "sockets: %.1f µs CPU per delivery, %.0f%% of a processor", t.LoadUsPerDelivery, 100*t.LoadBusy)
	if t.ControlUsPerMessage != nil {
		line("", "API double and control: %s µs CPU per message, %.0f%% of a processor", each(*t.ControlUsPerMessage, t.Sent, 1), 100**t.ControlCPUSeconds/t.Seconds)
	}
	if t.Occupied >= nearlyFull {
		line("CAREFUL", "the load's own processors were %.0f%% busy: the load, and not the server alone, is what was measured", 100*t.Occupied)
	}
}

func (r *Reconnect) write(line lineFunc, t *Traffic) {
	back := "all"
	if r.NotBack > 0 {
		back = humanize.Comma(int64(r.Sockets - r.NotBack))
	}
	line("dropped", "%s sockets, %s back after %.2f s, up to %s dialling at once", humanize.Comma(int64(r.Sockets)), back, r.Seconds,
		humanize.Comma(int64(r.Dialers)))
	r.BackMs.line(line, "- back")
	if t != nil && t.CPUSeconds != nil && r.CalmCPUSeconds != nil {
		line("- cost", "server CPU %s, %s in an equal stretch before without drops", seconds(*t.CPUSeconds), seconds(*r.CalmCPUSeconds))
	}
	for _, retry := range named("dial that failed and was tried again:", r.Retries) {
		line("- retries", "%s", retry)
	}
}

func (q *Quiet) write(line lineFunc) {
	if q.BeforeBytes > 0 && q.AfterBytes > 0 {
		line("quiet memory", "%s before the traffic, %s after it: × %.2f", size(q.BeforeBytes), size(q.AfterBytes), float64(q.AfterBytes)/float64(q.BeforeBytes))
	}
}

func (l *Latency) line(line lineFunc, name string) {
	if l != nil {
		line(name, "p50 %.2f  p90 %.2f  p99 %s  p99.9 %s  max %.2f ms of %s samples", l.P50, l.P90, l.p99(), l.p999(), l.Max, humanize.Comma(l.Count))
	}
}

func size(n int64) string {
	if n == 0 {
		return "unknown memory"
	}
	return humanize.IBytes(uint64(n))
}

func serverCPU(s *float64) string {
	if s == nil {
		return ""
	}
	return ", server CPU " + seconds(*s)
}
