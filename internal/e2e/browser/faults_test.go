package browser

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// faults collects what a page complains about: exceptions, console errors and warnings, and what the browser itself
// logs as an error.
type faults struct {
	mu   sync.Mutex
	list []string
	away bool // the test has the server away, which the browser reports as a fault of the network
}

func (f *faults) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
		f.note("exception: " + text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			values := make([]string, len(e.Args))
			for i, a := range e.Args {
				values[i] = string(a.Value) + a.Description
			}
			f.note(fmt.Sprintf("console.%s %s", e.Type, strings.Join(values, " ")))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !f.excused(e.Entry) {
			f.note(fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	}
}

func (f *faults) note(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, text)
}

func (f *faults) excused(e *log.Entry) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away && (e.Source == log.EntrySourceNetwork || strings.HasPrefix(e.Text, "WebSocket connection to "))
}

// take returns what was heard and forgets it.
func (f *faults) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.list
	f.list = nil
	return list
}

// mayLoseServer excuses the network faults of a test that takes the server away, and nothing else.
func (tb *tab) mayLoseServer() {
	tb.faults.mu.Lock()
	defer tb.faults.mu.Unlock()
	tb.faults.away = true
}

// The other tests lean on it that complaints are heard.
func TestComplaintsAreHeard(t *testing.T) {
	r := startRouter(t)
	tb := openTab(t, r.url()+"/agents")
	tb.do("console.error('planted', 1)")
	tb.do("console.warn('planted', 2)")
	tb.do("setTimeout(() => { throw new Error('planted 3') })")
	tb.do("fetch('/planted-4')")
	tb.do("document.body.insertAdjacentHTML('beforeend', '<style>b { color: red }</style>')") // against the page's policy
	want := []string{"console.error", "console.warning", "planted 3", "404", "Content Security Policy"}
	var heard string
	eventually(t, "all five complaints", func() bool {
		heard += strings.Join(tb.faults.take(), "\n") + "\n"
		for _, w := range want {
			if !strings.Contains(heard, w) {
				return false
			}
		}
		return true
	})
}
