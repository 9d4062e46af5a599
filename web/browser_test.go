package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

// startBrowser runs one Chromium for the whole package; each test has a browser context of its own.
var startBrowser = sync.OnceValues(func() (ctx context.Context, err error) {
	ctx, stopBrowser, err = browsertest.Start()
	return ctx, err
})

var stopBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

type step = browsertest.Step

// tab is one page. Whatever the page logs as an error, and every exception in it, fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func openTab(t *testing.T, url string, before ...step) *tab {
	t.Helper()
	if browsertest.Executable() == "" {
		t.Skip("no Chromium on this machine")
	}
	browser, err := startBrowser()
	if err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	tb := &tab{t: t, ctx: ctx}
	tb.watch()
	tb.run(append(before, chromedp.Navigate(url))...)
	return tb
}

func (tb *tab) watch() {
	var mu sync.Mutex
	var faults []string
	note := func(s string) { mu.Lock(); faults = append(faults, s); mu.Unlock() }
	err := chromedp.Listen(tb.ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			note("exception: " + e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				note(fmt.Sprintf("console.%s %s", e.Type, e.Args[0].Value))
			}
		case *log.EventEntryAdded:
			// A lost connection is the subject of some tests, and the browser reports it as a network fault.
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork && e.Entry.Source != log.EntrySourceJavascript {
				note(fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
			}
		}
	})
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range faults {
			tb.t.Errorf("the page complained: %s", f)
		}
	})
}

func (tb *tab) run(steps ...step) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

// helpers are defined in the page: one(testid) and all(testid) look in the document and in the widget's shadow root.
const helpers = `(() => {
  const roots = () => [document, document.querySelector('#eclipse-chat')?.shadowRoot].filter(Boolean);
  const all = (id) => roots().flatMap((r) => [...r.querySelectorAll('[data-testid="' + id + '"]')]);
  const one = (id) => all(id)[0];
  const texts = (id) => all(id).map((n) => n.textContent);
  const visible = (id) => one(id)?.checkVisibility() ?? false;
  return (%s);
})()`

// until waits for an expression to become true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	wrapped := fmt.Sprintf(helpers, expression)
	ok, err := chromedp.Run(tb.ctx, chromedp.Poll[bool](wrapped, chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil || !ok {
		tb.shoot("failed-" + filepath.Base(tb.t.Name()))
		tb.t.Fatalf("never came true: %s (%v); log: %v", expression, err, tb.texts("content"))
	}
}

func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](fmt.Sprintf(helpers, expression)))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (tb *tab) texts(id string) []string {
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[[]string](fmt.Sprintf(helpers, "texts('"+id+"')")))
	if err != nil {
		tb.t.Logf("reading %s: %v", id, err)
	}
	return v
}

func (tb *tab) click(id string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("visible(%q)", id))
	eval[bool](tb, fmt.Sprintf("(one(%q).click(), true)", id))
}

// keys types into what has the focus.
func (tb *tab) keys(keys string) { tb.t.Helper(); tb.run(chromedp.KeyEvent(keys)) }

type key struct {
	name, code, text string
	number           int64 // Windows' virtual key code, which is what browsers go by
}

var (
	enter = key{"Enter", "Enter", "\r", 13}
	slash = key{"/", "Slash", "/", 191}
)

// press sends a key as one event, so that a page that handles it also prevents its character, as with a real keyboard.
func (tb *tab) press(k key, modifiers ...chromedp.Modifier) {
	tb.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: k.name, Code: k.code, Text: k.text, WindowsVirtualKeyCode: k.number}
	for _, m := range modifiers {
		down.Modifiers |= int64(m)
	}
	up := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: k.name, Code: k.code, WindowsVirtualKeyCode: k.number, Modifiers: down.Modifiers}
	tb.run(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		if _, err = cdp.Call(ctx, t, input.DispatchKeyEvent, down); err != nil {
			return none, err
		}
		_, err = cdp.Call(ctx, t, input.DispatchKeyEvent, up)
		return none, err
	})
}

func (tb *tab) say(text string) {
	tb.t.Helper()
	eval[bool](tb, "(one('composer').focus(), true)")
	tb.keys(text)
	tb.press(enter)
}

// shoot keeps a picture where WEB_SHOTS says.
func (tb *tab) shoot(name string) {
	tb.t.Helper()
	browsertest.Shoot(tb.t, tb.ctx, os.Getenv("WEB_SHOTS"), name)
}

// prefers sets a media feature, such as prefers-color-scheme.
func prefers(feature, value string) step {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return none, err
	}
}

// otherSite is a page of another origin that includes the widget under a strict style policy.
func otherSite(t *testing.T, m *mockRouter, attributes string) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "style-src 'none'; script-src "+m.URL)
		fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Other</title><link rel="icon" href="data:,"><h1>Another site</h1><script type="module" src="%s/widget.js" %s></script>`, m.URL, attributes)
	}))
	t.Cleanup(site.Close)
	return site.URL
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if condition() {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
