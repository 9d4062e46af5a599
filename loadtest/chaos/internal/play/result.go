package play

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"eclipse/loadtest/chaos/internal/timing"
	"eclipse/loadtest/chaos/internal/verify"
)

// Result is what a run amounts to.
type Result struct {
	Seed     uint64          `json:"seed"`
	Faults   map[string]int  `json:"faults"` // that struck, by kind
	Missed   int             `json:"missed"` // that had no occasion
	Verdict  *verify.Verdict `json:"verdict"`
	Codes    map[string]int  `json:"codes"` // refusals that may pass, by error code
	Times    []Time          `json:"times"`
	Abnormal int             `json:"abnormal"` // closes with 1006 in a planned restart
	SetAside int             `json:"setAside"` // damaged files that instances put away
	Outages  []outage        `json:"outages"`
	Start    Usage           `json:"start"`
	End      Usage           `json:"end"`
	Problems []string        `json:"problems"`
	Dir      string          `json:"dir,omitempty"` // where what the processes printed was kept

	suspects map[string]*verify.Client // by the file that their record goes to
}

// Time is how long something took, and the goal for it.
type Time struct {
	What  string        `json:"what"`
	Count int           `json:"count"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Most  time.Duration `json:"most"`
	Goal  time.Duration `json:"goal"`
}

func timed(what string, s timing.Spread, goal time.Duration) Time {
	return Time{What: what, Count: len(s), P50: s.At(0.5), P99: s.At(0.99), Most: s.At(1), Goal: goal}
}

// Met tells whether the goal was reached; what never happened was.
func (t Time) Met() bool { return t.P99 <= t.Goal }

// allowedDrift is how much more goroutines and memory may be used at the end than at the start.
const allowedDrift = 1.2

// drainGoal is how much faster than it arrives what has waited for the API is to be stored, at one message per second
// and chat.
const drainGoal = 10

// OK tells whether every promise was kept. Times are judged by Slow.
func (r *Result) OK() bool { return r.Verdict.OK() && len(r.Problems) == 0 }

// Slow lists what took longer, or used more, than its goal.
func (r *Result) Slow() (list []string) {
	for _, t := range r.Times {
		if !t.Met() {
			list = append(list, fmt.Sprintf("%s: p99 %v, goal %v", t.What, t.P99, t.Goal))
		}
	}
	if r.Abnormal > 0 {
		list = append(list, fmt.Sprintf("%d closes with 1006 in planned restarts", r.Abnormal))
	}
	for _, o := range r.Outages {
		if o.Drain < drainGoal*o.Arrival {
			list = append(list, fmt.Sprintf("what had waited for the API was stored %.1f times as fast as it had come, goal %v", o.Drain/o.Arrival, drainGoal))
		}
	}
	if d := r.End.drift(r.Start); d > allowedDrift {
		list = append(list, fmt.Sprintf("goroutines or memory are at %.0f %% of the start", 100*d))
	}
	return list
}

// Write prints the table.
func (r *Result) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	v := r.Verdict
	row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		row("fault "+kind, r.Faults[kind])
		total += r.Faults[kind]
	}
	row("faults", total)
	row("faults without an occasion", r.Missed)
	row("messages sent", v.Sent)
	row("  stored", v.Stored)
	row("  by old clients, which are told nothing", v.SentByOld)
	row("  accepted first", v.Accepted)
	row("  refused for good", v.Refused)
	row("rows in the database", v.Rows)
	row("  reposted after an unknown outcome", v.Reposted)
	row("  of old clients, without a place and not to be found", v.Untraced)
	row("dead letters", v.Letters)
	row("deliveries", v.Deliveries)
	row("  without a place", v.Unplaced)
	row("  known by their id, skipped", v.Skipped)
	row("  of an ended epoch", v.Stale)
	row("  out of turn, to their sender", v.Echoes)
	row("logged late, behind later ones of their sender", v.Late)
	row("logged again after a loss, behind later ones", v.Relogged)
	row("holes that a replay need not fill", v.Excused)
	row("damaged files set aside", r.SetAside)
	row("  accepted messages gone with them", v.LostWithFile)
	row("jumps that clients asked about", v.Gaps)
	row("histories loaded", v.Reloads)
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		row("refused for now, "+code, r.Codes[code])
	}
	for _, t := range r.Times {
		row(t.What, fmt.Sprintf("%d times, p50 %v, p99 %v, most %v (goal %v)", t.Count, round(t.P50), round(t.P99), round(t.Most), t.Goal))
	}
	for _, o := range r.Outages {
		row("API away", fmt.Sprintf("%.0f messages/s arrived, %d waited, %.0f messages/s stored afterwards for %v: %.1f times as fast (goal %v)",
			o.Arrival, o.Backlog, o.Drain, round(o.Took), o.Drain/o.Arrival, drainGoal))
	}
	row("closes with 1006 in planned restarts", r.Abnormal)
	row("goroutines, start and end", fmt.Sprintf("%.0f, %.0f", r.Start.Goroutines, r.End.Goroutines))
	row("resident memory, start and end (MiB)", fmt.Sprintf("%.1f, %.1f", r.Start.Resident/(1<<20), r.End.Resident/(1<<20)))
	row("heap in use, start and end (MiB)", fmt.Sprintf("%.1f, %.1f", r.Start.Heap/(1<<20), r.End.Heap/(1<<20)))
	for f := range verify.Faults {
		row(f.String(), v.Broken[f])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, line := range slices.Concat(v.Examples, r.Problems, r.Slow()) {
		fmt.Fprintln(out, "!", line)
	}
	if !r.OK() {
		fmt.Fprintf(out, "FAILED: seed %d; what the processes printed and the clients saw is in %s\n", r.Seed, r.Dir)
	}
	return nil
}

// keep writes the records of the chats that show what is broken.
func (r *Result) keep(dir string) error {
	for name, c := range r.suspects {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(c.Write(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
