package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// Progress is one line on a terminal that is written over; the zero value writes nothing. That the terminal cannot be
// written is no fault of a run, so errors are not looked at.
type Progress struct {
	bar   *progressbar.ProgressBar // nil: silent
	width func() int               // columns of the terminal
	title string
	mu    sync.Mutex

	opened, sent, delivered int64
}

const (
	aSpinner = 14 // the library's number of a spinner of dots
	spinner  = 3  // columns that it takes, and the last one, where some terminals go on to the next row
)

// NewProgress writes to a terminal of a width that may change.
func NewProgress(terminal io.Writer, width func() int, title string) *Progress {
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(terminal), progressbar.OptionSpinnerType(aSpinner),
		progressbar.OptionSetSpinnerChangeInterval(0), // it turns with each point: no goroutine of its own
		progressbar.OptionSetElapsedTime(false), progressbar.OptionUseANSICodes(true), progressbar.OptionSetDescription(title))
	return &Progress{bar: bar, width: width, title: title}
}

// Stage says what is being done.
func (p *Progress) Stage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(what)
}

// Point says how the last second went, as far as it is known.
func (p *Progress) Point(at Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened += at.Opened
	p.sent += at.Sent
	p.delivered += at.Delivered
	var parts []string
	add := func(known bool, format string, args ...any) {
		if known {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(true, "%.0f s", at.Second)
	add(at.Opened > 0, "opened %s", humanize.Comma(p.opened))
	add(p.sent > 0, "sent %s", humanize.Comma(p.sent))
	add(p.delivered > 0, "delivered %s (%s/s)", humanize.Comma(p.delivered), humanize.Comma(at.Delivered))
	add(at.P99Ms > 0, "p99 %.1f ms", at.P99Ms)
	add(at.RSSBytes > 0, "cpu %.0f%%", 100*at.CPU)
	add(at.RSSBytes > 0, "rss %s", humanize.IBytes(uint64(at.RSSBytes)))
	p.say(at.Doing, parts...)
}

func (p *Progress) say(doing string, parts ...string) {
	if p.bar != nil {
		p.bar.Describe(fit(p.width()-spinner, p.title, doing, parts))
	}
}

// fit makes a line of at most so many columns: if it is too long first without the title, then without the last parts.
func fit(columns int, title, doing string, parts []string) string {
	line := strings.Join(append([]string{title + ": " + doing}, parts...), "  ")
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	line = doing
	for _, part := range parts {
		if utf8.RuneCountInString(line)+2+utf8.RuneCountInString(part) > columns {
			break
		}
		line += "  " + part
	}
	runes := []rune(line)
	return string(runes[:min(len(runes), max(columns, 0))])
}

// Clear empties the line.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
