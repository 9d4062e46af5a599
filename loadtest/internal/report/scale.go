package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Commands says in t how often each command of Redis was called per message, from the calls before and after.
func (t *Traffic) Commands(before, after map[string]int64) {
	if after == nil || t.Sent == 0 {
		return
	}
	var all float64
	t.RedisCommands = map[string]float64{}
	for name, n := range after {
		if more := n - before[name]; more > 0 {
			t.RedisCommands[name] = float64(more) / float64(t.Sent)
			all += t.RedisCommands[name]
		}
	}
	t.RedisCommandsPerMessage = &all
}

// commands lists them, the most frequent first.
func (t *Traffic) commands() string {
	names := slices.SortedFunc(maps.Keys(t.RedisCommands), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.RedisCommands[b], t.RedisCommands[a]), strings.Compare(a, b))
	})
	var list []string
	for _, name := range names {
		list = append(list, fmt.Sprintf("%s %.2f", name, t.RedisCommands[name]))
	}
	return strings.Join(list, ", ")
}

// scale compares the same load per router on different numbers of routers.
func (r *Report) scale(w io.Writer) {
	var turns []*Result
	for _, result := range r.Results {
		if result.Plan.Scenario == "scale" && result.Traffic != nil && result.Traffic.CPUUsPerMessage != nil {
			turns = append(turns, result)
		}
	}
	if len(turns) < 2 {
		return
	}
	fmt.Fprintf(w, "\nscale\n  routers\tmessages/s\tCPU µs per message\tto the first\tRedis CPU µs\tRedis commands\tp50 ms\tp99 ms\n")
	first := *turns[0].Traffic.CPUUsPerMessage
	for _, result := range turns {
		t := result.Traffic
		fmt.Fprintf(w, "  %d\t%.0f\t%s\t× %.2f\t%s\t%s", result.Servers, t.SentPerSecond, each(*t.CPUUsPerMessage, t.Sent, 0), *t.CPUUsPerMessage/first,
			figure("%.1f", t.RedisUsPerMessage), figure("%.2f", t.RedisCommandsPerMessage))
		if l := t.LatencyMs; l != nil {
			fmt.Fprintf(w, "\t%.2f\t%s", l.P50, l.p99())
		}
		fmt.Fprintln(w)
	}
}

func figure(format string, x *float64) string {
	if x == nil {
		return unknown
	}
	return fmt.Sprintf(format, *x)
}
