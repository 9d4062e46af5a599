package web_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

// The widget and the chat that it makes for a visitor.

// another opens a further tab of the same visitor.
func (tb *tab) another(url string) *tab {
	tb.t.Helper()
	ctx, stop := chromedp.NewContext(tb.ctx)
	tb.t.Cleanup(stop)
	ctx, cancel := context.WithCancel(ctx)
	tb.t.Cleanup(cancel)
	other := &tab{t: tb.t, ctx: ctx}
	other.watch()
	other.run(chromedp.Navigate(url))
	return other
}

// Whoever writes before the chat has been made loses nothing of it, and Enter is not pressed in vain.
func TestWhatIsWrittenBeforeThereIsAChat(t *testing.T) {
	m := newMockRouter(t)
	creating := make(chan struct{})
	m.set(func(m *mockRouter) { m.creating = creating })
	tb := openTab(t, otherSite(t, m, ""))
	tb.until("visible('launcher')")
	tb.click("launcher")
	tb.until("document.querySelector('#eclipse-chat').shadowRoot.activeElement === one('composer')")
	tb.keys("early")
	tb.press(enter)
	tb.until("one('composer').value === 'early'")
	close(creating)
	tb.until("one('message')?.dataset.state === 'stored' && one('composer').value === ''")
	if got := tb.texts("content"); len(got) != 1 || got[0] != "early" {
		t.Errorf("said %q", got)
	}
}

func TestTabsShareAChat(t *testing.T) {
	m := newMockRouter(t)
	site := otherSite(t, m, "")
	first := openTab(t, site)
	first.until("visible('launcher')")
	second := first.another(site)
	second.until("visible('launcher')")
	first.click("launcher")
	first.until(isOpen)
	first.say("from the first")
	first.until("one('message')?.dataset.state === 'stored'")
	second.click("launcher")
	second.until(isOpen)
	second.until("texts('content').join() === 'from the first'")
	if n := len(m.chats); n != 1 {
		t.Errorf("%d chats", n)
	}
}

// A chat is given up only when the app itself says that there is none, and only once: an app that refuses every chat would
// have chats made without end.
func TestWidgetStartsOverOnce(t *testing.T) {
	m := newMockRouter(t)
	tb := openTab(t, otherSite(t, m, ""))
	tb.until("visible('launcher')")
	tb.click("launcher")
	tb.until(isOpen)
	closed := "visible('banner') && one('eclipse-widget').dataset.connection === 'closed'"

	m.set(func(m *mockRouter) { m.unknown = "<!doctype html><title>Deploying</title>" })
	m.dropAll(4003)
	tb.until(closed)
	m.set(func(m *mockRouter) { m.unknown = "" })
	tb.click("reconnect")
	tb.until(isOpen)
	if n := len(m.chats); n != 1 {
		t.Fatalf("%d chats after a 404 that was not the app's", n)
	}

	m.set(func(m *mockRouter) { m.unknown = `{"error":"Chat not found"}` })
	m.dropAll(4003)
	tb.until(closed)
	if n := len(m.chats); n != 2 {
		t.Errorf("%d chats", n)
	}
	m.set(func(m *mockRouter) { m.unknown = "" })
	tb.click("reconnect")
	tb.until(isOpen)
}

// What is typed here is no shortcut of the site's.
func TestKeysStayInTheWidget(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("keys")
	tb := openTab(t, otherSite(t, m, `data-chat-id="keys" data-open`))
	tb.until(isOpen)
	eval[bool](tb, "(window.heard = [], ['keydown', 'keyup'].forEach((type) => addEventListener(type, (e) => heard.push(e.key))), one('composer').focus(), true)")
	tb.keys("/s")
	tb.until("one('composer').value === '/s'")
	if got := eval[string](tb, "heard.join()"); got != "" {
		t.Errorf("the site heard %q", got)
	}
}
