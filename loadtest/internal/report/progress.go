package report

import (
	"fmt"
	"io"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// Progress is one line on a terminal that is written over; the zero value writes nothing. That the terminal cannot be
// written is no fault of a run, so errors are not looked at.
type Progress struct {
	bar   *progressbar.ProgressBar // nil: silent
	title string
	mu    sync.Mutex
	sent  int64
	got   int64
}

// aSpinner is the library's number of a spinner of dots.
const aSpinner = 14

// NewProgress writes to a terminal.
func NewProgress(terminal io.Writer, title string) *Progress {
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(terminal), progressbar.OptionSpinnerType(aSpinner),
		progressbar.OptionSetSpinnerChangeInterval(0), // it turns with each point: no goroutine of its own
		progressbar.OptionSetElapsedTime(false), progressbar.OptionUseANSICodes(true), progressbar.OptionSetDescription(title))
	return &Progress{bar: bar, title: title}
}

// Stage says what is being done.
func (p *Progress) Stage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(fmt.Sprintf("%s: %s", p.title, what))
}

// Point says how the last second went.
func (p *Progress) Point(at Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += at.Sent
	p.got += at.Delivered
	p.say(fmt.Sprintf("%s: %s  %.0f s  sent %s  delivered %s (%s/s)  p99 %.1f ms  cpu %.0f%%  rss %s", p.title, at.Doing, at.Second,
		humanize.Comma(p.sent), humanize.Comma(p.got), humanize.Comma(at.Delivered), at.P99Ms, 100*at.CPU, humanize.IBytes(uint64(at.RSSBytes))))
}

func (p *Progress) say(text string) {
	if p.bar != nil {
		p.bar.Describe(text)
	}
}

// Clear empties the line.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
