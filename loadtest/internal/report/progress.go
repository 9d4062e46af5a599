package report

import (
	"fmt"
	"io"
	"sync"

	"github.com/dustin/go-humanize"
)

// Progress is one line on a terminal that is written over; the zero value writes nothing.
type Progress struct {
	out   io.Writer
	title string
	mu    sync.Mutex
	sent  int64
	got   int64
}

// NewProgress writes to a terminal.
func NewProgress(terminal io.Writer, title string) *Progress {
	return &Progress{out: terminal, title: title}
}

// clearLine goes to the start of the line and empties it.
const clearLine = "\r\x1b[K"

// Stage says what is being done.
func (p *Progress) Stage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		fmt.Fprintf(p.out, "%s%s: %s", clearLine, p.title, what)
	}
}

// Point says how the last second went.
func (p *Progress) Point(at Point, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += at.Sent
	p.got += at.Delivered
	if p.out == nil {
		return
	}
	fmt.Fprintf(p.out, "%s%s: %s  %.0f s  sent %s  delivered %s (%s/s)  p99 %.1f ms  cpu %.0f%%  rss %s",
		clearLine, p.title, what, at.Second, humanize.Comma(p.sent), humanize.Comma(p.got), humanize.Comma(at.Delivered),
		at.P99Ms, 100*at.CPU, humanize.IBytes(uint64(at.RSSBytes)))
}

// Clear empties the line.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		fmt.Fprint(p.out, clearLine)
	}
}
