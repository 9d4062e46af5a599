package page

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"

	"eclipse/loadtest/internal/report"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Parse(text))

// Write writes the page.
func Write(w io.Writer, r *report.Report, tolerant bool) error {
	var table strings.Builder
	if err := r.Write(&table, tolerant); err != nil {
		return err
	}
	p := sheet{
		Command: strings.Join(r.Command, " "), Started: r.Started.Format(time.RFC1123), Machine: r.Machine,
		Table: strings.TrimSpace(table.String()),
	}
	for _, result := range r.Results {
		p.Results = append(p.Results, section{
			Title: result.Plan.Scenario + " on " + result.Target, Problems: result.Problems(tolerant), Charts: charts(result),
		})
	}
	return page.Execute(w, p)
}

// sheet is what the page shows.
type sheet struct {
	Command, Started string
	Machine          report.Machine
	Results          []section
	Table            string
}

type section struct {
	Title    string
	Problems []string
	Charts   []chart
}

const (
	blue, green, orange, red = "#2563eb", "#15803d", "#d97706", "#dc2626"
	gap                      = -1
)

// charts draws what a result's seconds tell; a figure that is never there has no line.
func charts(r *report.Result) []chart {
	if len(r.Series) < 2 {
		return nil
	}
	course := func(name, colour string, of func(p, before report.Point) float64) line {
		l := line{Name: name, Colour: colour}
		var before report.Point
		for _, p := range r.Series {
			l.X, l.Y = append(l.X, p.Second), append(l.Y, of(p, before))
			before = p
		}
		return l
	}
	known := func(v float64) float64 { // 0 stands for not measured
		if v == 0 {
			return gap
		}
		return v
	}
	rate := func(n int64, p, before report.Point) float64 { return float64(n) / max(p.Second-before.Second, 1e-3) }
	all := []chart{
		{Title: "Latency of deliveries", Unit: "ms", Lines: []line{
			course("p50", green, func(p, _ report.Point) float64 { return known(p.P50Ms) }),
			course("p90", orange, func(p, _ report.Point) float64 { return known(p.P90Ms) }),
			course("p99", red, func(p, _ report.Point) float64 { return known(p.P99Ms) }),
		}},
		{Title: "Throughput", Unit: "per second", Lines: []line{
			course("sent", blue, func(p, b report.Point) float64 { return rate(p.Sent, p, b) }),
			course("delivered", green, func(p, b report.Point) float64 { return rate(p.Delivered, p, b) }),
		}},
		{Title: "Processor", Unit: "% of one", Lines: []line{
			course("server", blue, func(p, b report.Point) float64 {
				if p.RSSBytes == 0 || p.CPU == 0 && b.RSSBytes == 0 { // a reading failed
					return gap
				}
				return 100 * p.CPU / max(p.Second-b.Second, 1e-3)
			}),
			course("Redis", red, func(p, b report.Point) float64 { return 100 * p.RedisCPU / max(p.Second-b.Second, 1e-3) }),
		}},
		{Title: "Resident memory of the server", Unit: "MiB", Lines: []line{
			course("resident", blue, func(p, _ report.Point) float64 { return known(float64(p.RSSBytes) / (1 << 20)) }),
		}},
	}
	var drawn []chart
	for _, c := range all {
		if c.Lines = present(c.Lines); len(c.Lines) > 0 {
			c.Marks = marks(r.Series)
			drawn = append(drawn, c)
		}
	}
	return drawn
}

// present keeps the lines that show anything.
func present(lines []line) (some []line) {
	for _, l := range lines {
		for _, y := range l.Y {
			if y > 0 {
				some = append(some, l)
				break
			}
		}
	}
	return some
}

// marks are where the run went on to something else.
func marks(series []report.Point) (list []mark) {
	doing := series[0].Doing
	for _, p := range series[1:] {
		if p.Doing != doing {
			doing = p.Doing
			list = append(list, mark{p.Second, doing})
		}
	}
	return list
}

// Phases says in words what the marks are.
func (c chart) Phases() string {
	var names []string
	for _, m := range c.Marks {
		names = append(names, short(float64(int(m.X)))+" s: "+m.Name)
	}
	return strings.Join(names, " · ")
}
