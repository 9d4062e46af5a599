package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

type step = browsertest.Step

// tab is one page in a browser context of its own, so with its own storage.
type tab struct {
	t      *testing.T
	ctx    context.Context
	faults *faults
}

// openTab loads a page; what it complains about fails the test.
func openTab(t *testing.T, url string, before ...step) *tab {
	t.Helper()
	browser, err := startBrowser()
	if err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	t.Cleanup(cancel)
	tb := &tab{t: t, ctx: ctx, faults: &faults{}}
	if err := chromedp.Listen(ctx, tb.faults.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range tb.faults.take() {
			t.Errorf("the page complained: %s", f)
		}
	})
	tb.run(append(before, chromedp.Navigate(url))...)
	return tb
}

func (tb *tab) run(steps ...step) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

// helpers are defined in the page. A view finds by data-testid: page in the document and the widget's shadow root,
// agents in the demo's frame.
const helpers = `(() => {
  const view = (roots) => {
    const all = (id) => roots().filter(Boolean).flatMap((r) => [...r.querySelectorAll('[data-testid="' + id + '"]')]);
    const one = (id) => all(id)[0];
    return {
      all, one,
      texts: (id) => all(id).map((n) => n.textContent),
      visible: (id) => one(id)?.checkVisibility() ?? false,
      ids: () => all('message').map((n) => n.dataset.id),
      allStored: () => all('message').every((n) => n.dataset.state === 'stored'),
      states: () => all('message').map((n) => n.dataset.state),
      row: (chat) => all('chat-row').find((r) => r.dataset.chatId === chat),
      says: (texts) => JSON.stringify(all('content').map((n) => n.textContent)) === JSON.stringify(texts),
    };
  };
  const page = view(() => [document, document.querySelector('#eclipse-chat')?.shadowRoot]);
  const frame = () => document.querySelector('#agents')?.contentDocument;
  const agents = view(() => [frame()]);
  const widgetOpen = () => page.one('eclipse-widget')?.dataset.connection === 'open';
  return (%s);
})()`

// until waits for an expression to become true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	poll := chromedp.Poll[bool](fmt.Sprintf(helpers, expression), chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(patience))
	if ok, err := chromedp.Run(tb.ctx, poll); err != nil || !ok {
		tb.shoot("failed-" + filepath.Base(tb.t.Name()))
		tb.t.Fatalf("never came true: %s (%v); the page shows %q, the agents' frame %q", expression, err,
			eval[[]string](tb, "page.texts('content')"), eval[[]string](tb, "agents.texts('content')"))
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

// do evaluates an expression for its effect.
func (tb *tab) do(expression string) { tb.t.Helper(); eval[bool](tb, "("+expression+", true)") }

// keys types into what has the focus.
func (tb *tab) keys(keys string) { tb.t.Helper(); tb.run(chromedp.KeyEvent(keys)) }

// enter presses Enter as one event, as a keyboard does, so that a page that handles it also prevents its character.
func (tb *tab) enter() {
	tb.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	up := down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	tb.run(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		if _, err = cdp.Call(ctx, t, input.DispatchKeyEvent, down); err != nil {
			return none, err
		}
		_, err = cdp.Call(ctx, t, input.DispatchKeyEvent, up)
		return none, err
	})
}

// write types a draft into a view's composer (view is page or agents), say sends it too.
func (tb *tab) write(view, text string) {
	tb.t.Helper()
	tb.until(view + ".visible('composer')")
	tb.do(view + ".one('composer').focus()")
	tb.keys(text)
}

func (tb *tab) say(view, text string) {
	tb.t.Helper()
	tb.write(view, text)
	tb.enter()
}

// shoot keeps a picture where E2E_SHOTS says.
func (tb *tab) shoot(name string) {
	tb.t.Helper()
	browsertest.Shoot(tb.t, tb.ctx, os.Getenv("E2E_SHOTS"), name)
}

func scheme(value string) step {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
		})
		return none, err
	}
}
