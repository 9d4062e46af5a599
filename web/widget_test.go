package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"eclipse/internal/browsertest"
)

const isOpen = "one('eclipse-widget')?.dataset.connection === 'open'"

func TestWidgetOnAnotherSiteTalks(t *testing.T) {
	m := newMockRouter(t)
	tb := openTab(t, otherSite(t, m, `data-title="Help"`))
	tb.until("visible('launcher') && !visible('panel')")
	if m.frames("message") != 0 || len(m.chats) != 0 {
		t.Fatal("a page view made a chat")
	}
	tb.click("launcher")
	tb.until(isOpen)
	tb.until("document.querySelector('#eclipse-chat').shadowRoot.activeElement === one('composer')")

	tb.say("Hello <b>you</b> https://example.com/x.")
	tb.until("all('message').length === 1 && one('message').dataset.state === 'stored'")
	if got := eval[string](tb, "one('content').textContent"); got != "Hello <b>you</b> https://example.com/x." {
		t.Errorf("content is %q", got)
	}
	if got := eval[string](tb, "one('content').querySelector('a').href + ' ' + one('content').childElementCount"); got != "https://example.com/x 1" {
		t.Errorf("links are %q", got)
	}
	m.say("chat0001", "agent", "Ada", "Hi, Ada here")
	tb.until("texts('content').at(-1) === 'Hi, Ada here'")
	if m.query != "" || len(m.subproto) != 2 {
		t.Errorf("opened with query %q and %d subprotocols", m.query, len(m.subproto))
	}
	// Styles pass the site's policy, and are the widget's own.
	if got := eval[string](tb, "getComputedStyle(one('panel')).position"); got != "absolute" {
		t.Errorf("the panel is %q, so its style sheet did not apply", got)
	}
	// The same visitor comes back to the same chat.
	tb.run(chromedp.Reload())
	tb.until(isOpen)
	tb.click("launcher")
	tb.until("texts('content').length === 2")
	if n := len(m.chats); n != 1 {
		t.Errorf("%d chats after a reload", n)
	}
}

func TestWidgetByKeyboardAlone(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("kb")
	tb := openTab(t, otherSite(t, m, `data-chat-id="kb"`))
	tb.until(isOpen)
	inside := "document.querySelector('#eclipse-chat').shadowRoot.activeElement"
	tb.keys(kb.Tab)
	tb.until(inside + "=== one('launcher')")
	tb.press(enter)
	tb.until("visible('panel') && " + inside + " === one('composer')")
	tb.keys("first")
	tb.press(enter, kb.ModifierShift)
	tb.keys("second")
	tb.press(enter)
	tb.until("one('message')?.dataset.state === 'stored'")
	if got := eval[string](tb, "one('content').textContent"); got != "first\nsecond" {
		t.Errorf("sent %q", got)
	}
	tb.keys(kb.Escape)
	tb.until("!visible('panel') && " + inside + " === one('launcher')")
	m.say("kb", "agent", "Ada", "one")
	m.say("kb", "agent", "Ada", "two")
	tb.until("one('badge').textContent === '2' && one('launcher').getAttribute('aria-label') === 'Open chat, 2 unread'")
	tb.keys(" ")
	tb.until("visible('panel') && !visible('badge')")
	waitFor(t, "a read mark", func() bool { return m.frames("read") == 1 })
}

func TestWidgetSurvivesAServerThatGoes(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("gone")
	tb := openTab(t, otherSite(t, m, `data-chat-id="gone" data-open`))
	tb.until(isOpen)
	m.set(func(m *mockRouter) { m.refuseDials = true })
	m.dropAll(1012)
	tb.until("visible('banner') && one('connection').textContent.includes('Connection lost')")
	tb.say("while away")
	tb.until("one('message').dataset.state === 'sending'")
	m.say("gone", "agent", "Ada", "said meanwhile")
	m.set(func(m *mockRouter) { m.refuseDials = false })
	tb.click("reconnect")
	tb.until("!visible('banner') && all('message').every((n) => n.dataset.state === 'stored')")
	tb.until("texts('content').join() === 'said meanwhile,while away'")
	if n := m.stored("gone"); n != 2 {
		t.Errorf("%d messages stored", n)
	}
}

func TestWidgetFallsBackToHistoryWithoutResume(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("old")
	m.set(func(m *mockRouter) { m.oldResume = true })
	tb := openTab(t, otherSite(t, m, `data-chat-id="old" data-open`))
	tb.until(isOpen)
	m.set(func(m *mockRouter) { m.refuseDials = true })
	m.dropAll(1001)
	tb.until("visible('banner')")
	m.say("old", "agent", "Ada", "missed")
	m.set(func(m *mockRouter) { m.refuseDials = false })
	tb.until(isOpen)
	tb.until("texts('content').join() === 'missed'")
	if m.frames("resume") == 0 {
		t.Error("it never asked to resume")
	}
}

func TestWidgetKeepsUnsentMessagesOverAReload(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("re")
	m.set(func(m *mockRouter) { m.silentAcks = true })
	tb := openTab(t, otherSite(t, m, `data-chat-id="re" data-open`))
	tb.until(isOpen)
	tb.say("do not lose me")
	waitFor(t, "the message on the wire", func() bool { return m.frames("message") == 1 })
	m.set(func(m *mockRouter) { m.silentAcks = false })
	tb.run(chromedp.Reload())
	tb.until("one('message')?.dataset.state === 'stored' && all('message').length === 1")
	if n := m.stored("re"); n != 1 {
		t.Errorf("%d messages stored", n)
	}
}

func TestWidgetOffersRetryOfWhatFailed(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("no")
	tb := openTab(t, otherSite(t, m, `data-chat-id="no" data-open`))
	tb.until(isOpen)
	refuse := func(m *mockRouter) {
		m.refuseFrames = object{"type": "error", "error": "Failed to send message", "code": "API_REJECTED", "retryable": false}
	}
	m.set(refuse)
	tb.say("again, please")
	tb.until("one('message').dataset.state === 'failed' && visible('retry')")
	tb.click("retry")
	tb.until("one('message').dataset.state === 'stored' && !visible('retry')")
	m.set(refuse)
	tb.say("never mind")
	tb.until("all('message')[1]?.dataset.state === 'failed'")
	eval[bool](tb, "(all('discard')[1].click(), true)")
	tb.until("all('message').length === 1")
}

func TestWidgetRespectsWhereTheReaderIs(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("long")
	for range 40 {
		m.say("long", "agent", "Ada", "A line that is there to be scrolled past")
	}
	tb := openTab(t, otherSite(t, m, `data-chat-id="long" data-open`))
	tb.until("all('message').length === 40 && one('log').scrollTop > 500")
	eval[bool](tb, "(one('log').scrollTop = 0, true)")
	tb.until("visible('jump')")
	m.say("long", "agent", "Ada", "news")
	tb.until("one('jump').textContent === '1 new message' && one('log').scrollTop === 0")
	tb.click("jump")
	tb.until("!visible('jump') && one('log').scrollHeight - one('log').scrollTop - one('log').clientHeight < 5")
	m.say("long", "agent", "Ada", "more news")
	tb.until("all('message').length === 42 && one('log').scrollHeight - one('log').scrollTop - one('log').clientHeight < 5")
}

func TestWidgetIsFullScreenAndTrapsFocusOnAPhone(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("ph")
	tb := openTab(t, otherSite(t, m, `data-chat-id="ph"`), browsertest.Viewport(390, 844, true))
	tb.until(isOpen)
	tb.click("launcher")
	tb.until("one('panel').getBoundingClientRect().width === innerWidth && one('panel').getAttribute('aria-modal') === 'true'")
	for range 8 {
		tb.keys(kb.Tab)
		if !eval[bool](tb, "one('panel').contains(document.querySelector('#eclipse-chat').shadowRoot.activeElement)") {
			t.Fatal("Tab left the full-screen panel")
		}
	}
}

// Whatever can be worked has a name, and text can be read on its ground, in both themes.
func TestAccessibility(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		for _, where := range []string{"widget", "agents"} {
			t.Run(theme+" "+where, func(t *testing.T) {
				m := newMockRouter(t)
				furnish(m)
				url := m.URL + "/agents"
				if where == "widget" {
					url = otherSite(t, m, `data-chat-id="chat0001" data-open`)
				}
				tb := openTab(t, url, prefers("prefers-color-scheme", theme))
				if where == "agents" {
					tb.until("all('chat-row').length === 8")
					eval[bool](tb, "(all('chat-row').find((r) => r.dataset.chatId === 'chat0001').click(), true)")
				}
				tb.until("all('message').length === 2")
				if bad := eval[[]string](tb, unnamed); len(bad) > 0 {
					t.Errorf("without a name: %s", strings.Join(bad, ", "))
				}
				if bad := eval[[]string](tb, lowContrast); len(bad) > 0 {
					t.Errorf("contrast below 4.5: %s", strings.Join(bad, "\n"))
				}
			})
		}
	}
}

const unnamed = `roots().flatMap((r) => [...r.querySelectorAll('button, input, textarea, a, [role=dialog], [role=log], iframe')])
	.filter((n) => n.checkVisibility())
	.filter((n) => !(n.getAttribute('aria-label') || n.getAttribute('aria-labelledby') || n.textContent.trim() || n.labels?.length || n.title))
	.map((n) => n.outerHTML.slice(0, 80))`

const lowContrast = `(() => {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
	const parent = (n) => n.parentElement ?? n.getRootNode().host;
	const ground = (n) => { for (; n; n = parent(n)) { const c = rgba(getComputedStyle(n).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
	const own = (n) => [...n.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
	return roots().flatMap((r) => [...r.querySelectorAll('*')]).filter((n) => own(n) && n.checkVisibility() && !n.matches('style, script, title, .quiet')).flatMap((n) => {
		const [a, b] = [luminance(rgba(getComputedStyle(n).color)), luminance(ground(n))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		return ratio < 4.5 ? [ratio.toFixed(2) + ' ' + n.className + ' ' + n.textContent.slice(0, 30)] : [];
	});
})()`
