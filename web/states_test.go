package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

const (
	pending = "'Accepted, will be delivered'"
	saving  = "'Sent, being saved'"
)

func TestWidgetShowsHowFarAMessageGot(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("st")
	tb := openTab(t, otherSite(t, m, `data-chat-id="st" data-open`))
	tb.until(isOpen)
	m.set(func(m *mockRouter) { m.holdStores = true })
	tb.say("one")
	tb.say("two")
	tb.until("texts('state').join('|') === " + pending + " + '|' + " + pending)
	tb.until("all('message').every((n) => n.dataset.state === 'accepted')")
	if agents := m.stored("st"); agents != 0 {
		t.Fatalf("%d stored while the API is down", agents)
	}
	tb.run(chromedp.Reload())
	tb.until(isOpen + " && texts('content').join() === 'one,two' && texts('state').join('|') === " + pending + " + '|' + " + pending)
	waitFor(t, "both asked after", func() bool { return m.frames("message") == 4 })
	m.release("st", false)
	tb.until("all('message').length === 2 && all('message').every((n) => n.dataset.state === 'stored') && texts('state').join() === ',Sent'")
	if n := m.stored("st"); n != 2 {
		t.Errorf("%d stored", n)
	}
}

func TestBothSidesSeeThatAShownMessageFailed(t *testing.T) {
	m := newMockRouter(t)
	m.addChat("lv")
	m.set(func(m *mockRouter) { m.live, m.holdStores = true, true })
	tb := openTab(t, otherSite(t, m, `data-chat-id="lv" data-open`))
	tb.until(isOpen)
	m.say("lv", "agent", "Ada", "Ask away")
	tb.say("buy cheap lamps")
	tb.until("texts('state').at(-1) === " + saving)
	agent := openTab(t, m.URL+"/agents")
	agent.until("all('chat-row').length === 1 && document.body.dataset.connection === 'open'")
	agent.click("chat-row")
	m.say("lv", "user", "Anonymous", "are you there?")
	agent.until("texts('content').at(-1) === 'are you there?'")
	tb.say("buy more lamps")
	agent.until("texts('content').at(-1) === 'buy more lamps' && !all('lost').some((n) => n.checkVisibility())")
	m.release("lv", true)

	tb.until("all('message').filter((n) => n.dataset.state === 'failed').length === 2 && all('retry')[1].checkVisibility() && !all('lost').some((n) => n.checkVisibility())")
	tb.until("all('message')[1].textContent.includes('refused') && all('state')[1].textContent === ''")
	agent.until("all('message').at(-1).dataset.state === 'failed' && all('lost').at(-1).checkVisibility() && !all('retry').at(-1).checkVisibility()")
	agent.until("getComputedStyle(all('content').at(-1)).textDecorationLine === 'line-through'")
	agent.until(inRow("lv", "preview") + ".textContent === 'are you there?'")

	eval[bool](tb, "(all('retry')[1].click(), true)")
	tb.until("texts('content').at(-1) === 'buy cheap lamps' && all('message').at(-1).dataset.state === 'stored' && all('message').length === 4")
	agent.until("texts('content').at(-1) === 'buy cheap lamps'")
	agent.run(chromedp.Reload())
	agent.until("all('chat-row').length === 1")
	agent.click("chat-row")
	agent.until("texts('content').join() === 'Ask away,are you there?,buy cheap lamps'")
}

// Each state can be read in both themes, and is told by words and not by looks alone.
func TestStatesCanBeRead(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		t.Run(theme, func(t *testing.T) {
			m := newMockRouter(t)
			m.addChat("rd")
			tb := openTab(t, otherSite(t, m, `data-chat-id="rd" data-open`), prefers("prefers-color-scheme", theme), browsertest.Viewport(1280, 1000, false))
			tb.until(isOpen)
			waitFor(t, "the history, before and after the socket opened", func() (both bool) {
				m.set(func(m *mockRouter) { both = m.reads == 2 })
				return both
			})
			m.say("rd", "agent", "Ada", "shown and refused")
			tb.say("stored")
			tb.until("texts('state').at(-1) === 'Sent'")
			m.set(func(m *mockRouter) {
				m.refuseFrames = object{"type": "error", "code": "API_REJECTED", "retryable": false}
			})
			tb.say("refused")
			tb.until("all('message').at(-1).dataset.state === 'failed'")
			m.set(func(m *mockRouter) { m.holdStores = true })
			tb.say("accepted")
			tb.until("texts('state').at(-1) === " + pending)
			m.set(func(m *mockRouter) { m.live = true })
			tb.say("shown")
			tb.until("texts('state').includes(" + saving + ")")
			m.set(func(m *mockRouter) { m.silentAcks = true })
			tb.say("on its way")
			tb.until("texts('state').at(-1) === 'Sending…'")
			m.refuse("rd", "id-rdsaid-0") // last: a history that is loaded later would take it away
			tb.until("visible('lost')")
			tb.until("roots().every((r) => r.getAnimations().length === 0)")
			tb.shoot("states-" + theme)
			if bad := eval[[]string](tb, lowContrast); len(bad) > 0 {
				t.Errorf("contrast below 4.5: %s", strings.Join(bad, "\n"))
			}
			const told = "all('message').map((n) => n.dataset.state + ': ' + [...n.querySelectorAll('.state, .lost, .reason')].filter((s) => s.checkVisibility()).map((s) => s.textContent).join(' '))"
			want := "[failed: Not delivered stored:  accepted: Sent, being saved failed: Not delivered: refused accepted: Accepted, will be delivered sending: Sending…]"
			if got := fmt.Sprint(eval[[]string](tb, told)); got != want {
				t.Errorf("told is\n%s, want\n%s", got, want)
			}
		})
	}
}
