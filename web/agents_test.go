package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"eclipse/internal/browsertest"
)

func row(id string) string {
	return fmt.Sprintf("all('chat-row').find((r) => r.dataset.chatId === %q)", id)
}

func inRow(id, testID string) string {
	return fmt.Sprintf("%s.querySelector('[data-testid=%s]')", row(id), testID)
}

func TestAgentsHoldFortyChatsOnOneSocket(t *testing.T) {
	m := newMockRouter(t)
	for i := range 40 {
		m.addChat(fmt.Sprintf("c%02d", i))
	}
	m.say("c07", "user", "Anonymous", "anyone there?")
	tb := openTab(t, m.URL+"/agents")
	tb.until("all('chat-row').length === 40 && document.body.dataset.connection === 'open'")
	waitFor(t, "39 subscriptions", func() bool { return m.frames("subscribe") == 39 })
	if m.sockets() != 1 || m.dials != 1 {
		t.Fatalf("%d sockets, %d dials", m.sockets(), m.dials)
	}
	tb.until(inRow("c07", "unread") + ".textContent === '1' && " + inRow("c07", "preview") + ".textContent === 'anyone there?'")
	tb.until("one('waiting').textContent === '1 waiting'")

	m.say("c33", "user", "Mara", "and I?")
	tb.until("all('chat-row')[0].dataset.chatId === 'c33' && " + inRow("c33", "unread") + ".textContent === '1'")
	tb.until(row("c33") + ".querySelector('.name').textContent === 'Mara'")

	eval[bool](tb, "("+row("c33")+".click(), true)")
	tb.until("texts('content').join() === 'and I?' && one('who').textContent === 'Mara'")
	waitFor(t, "agent_joined and read", func() bool { return m.frames("agent_joined") == 1 && m.frames("read") == 1 })
	tb.until("texts('event').join() === 'Ada joined the chat'")
	tb.until("getComputedStyle(" + inRow("c33", "unread") + ").display === 'none'")
	tb.say("Yes, I am here")
	tb.until("all('message').at(-1).dataset.state === 'stored' && all('message').at(-1).dataset.role === 'agent'")

	// Opening it again tells nobody anything new.
	eval[bool](tb, "("+row("c07")+".click(), true)")
	tb.until("texts('content').join() === 'anyone there?'")
	eval[bool](tb, "("+row("c33")+".click(), true)")
	tb.until("all('message').length === 2")
	if n := m.frames("agent_joined"); n != 2 {
		t.Errorf("%d times agent_joined for two chats", n)
	}
}

func TestAgentsSeeVisitorsComeTypeAndGo(t *testing.T) {
	m := newMockRouter(t)
	tb := openTab(t, m.URL+"/agents")
	tb.until("document.querySelector('#no-chats').checkVisibility()")
	visitor := openTab(t, otherSite(t, m, ""))
	visitor.click("launcher")
	visitor.until(isOpen)
	eval[bool](tb, "(dispatchEvent(new Event('focus')), true)")
	tb.until("all('chat-row').length === 1 && document.body.dataset.connection === 'open'")
	tb.until(row("chat0001") + ".querySelector('.dot').classList.contains('on')")
	visitor.until("one('presence').textContent === 'An agent is online'")

	visitor.keys("hm")
	tb.until(inRow("chat0001", "preview") + ".textContent === 'typing…'")
	tb.click("chat-row")
	tb.until("one('typing').textContent.endsWith('is typing')")
	visitor.press(enter)
	tb.until("texts('content').join() === 'hm'")
	visitor.until("one('state').textContent === 'Seen'")
	tb.keys("o")
	visitor.until("one('typing').textContent === 'Agent is typing'")

	visitor.run(chromedp.Navigate("about:blank"))
	tb.until("one('presence').textContent === 'Offline' && !" + row("chat0001") + ".querySelector('.dot').classList.contains('on')")
}

func TestAgentsByKeyboardAlone(t *testing.T) {
	m := newMockRouter(t)
	furnish(m)
	tb := openTab(t, m.URL+"/agents")
	tb.until("all('chat-row').length === 8 && document.body.dataset.connection === 'open'")
	tb.press(slash)
	tb.until("document.activeElement === one('search')")
	tb.keys("brass")
	tb.until("all('chat-row').length === 1")
	answered := eval[string](tb, "all('chat-row')[0].dataset.chatId")
	tb.press(enter)
	tb.until("one('who').textContent.length > 0 && document.activeElement === one('composer') && texts('content').join() === 'Is the brass lacquered?'")
	tb.keys("No.")
	tb.press(enter)
	tb.until("texts('content').at(-1) === 'No.'")
	tb.keys(kb.Escape)
	tb.until("document.activeElement?.dataset.testid === 'chat-row'")
	tb.press(slash)
	tb.until("document.activeElement === one('search')")
	tb.keys(kb.Escape)
	tb.until(fmt.Sprintf("all('chat-row').length === 8 && all('chat-row')[0].dataset.chatId === %q", answered)) // its answer has moved it up
	tb.keys(kb.ArrowDown)
	tb.until("document.activeElement === all('chat-row')[0]")
	tb.keys(kb.ArrowDown)
	tb.keys(kb.ArrowDown)
	tb.keys(kb.ArrowUp)
	tb.until("document.activeElement === all('chat-row')[1]")
	tb.press(enter)
	tb.until("all('chat-row')[1].getAttribute('aria-current') === 'true' && document.activeElement === one('composer')")
	tb.run(chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(kb.ModifierAlt)))
	tb.until("all('chat-row')[2].getAttribute('aria-current') === 'true'")
}

func TestAgentsKeepADraftPerChatAndComeBack(t *testing.T) {
	m := newMockRouter(t)
	furnish(m)
	tb := openTab(t, m.URL+"/agents")
	tb.until("all('chat-row').length === 8 && document.body.dataset.connection === 'open'")
	eval[bool](tb, "("+row("chat0002")+".click(), true)")
	tb.keys("half a thought")
	eval[bool](tb, "("+row("chat0003")+".click(), true)")
	tb.until("one('composer').value === ''")
	waitFor(t, "every chat", func() bool { return m.frames("subscribe") == 7 })
	m.dropAll(4009)
	waitFor(t, "every chat again", func() bool { return m.frames("subscribe") == 14 })
	tb.until("document.body.dataset.connection === 'open'")
	m.say("chat0002", "user", "Anonymous", "still here")
	eval[bool](tb, "("+row("chat0002")+".click(), true)")
	tb.until("one('composer').value === 'half a thought' && texts('content').at(-1) === 'still here'")
}

func TestAgentsOnAPhone(t *testing.T) {
	m := newMockRouter(t)
	furnish(m)
	tb := openTab(t, m.URL+"/agents", browsertest.Viewport(390, 844, true))
	tb.until("all('chat-row').length === 8 && !visible('who')")
	tb.click("chat-row")
	tb.until("visible('who') && !visible('chat-list') && all('message').length > 0")
	tb.click("back")
	tb.until("visible('chat-list') && !visible('who')")
}

func TestDemoPageShowsBothSides(t *testing.T) {
	m := newMockRouter(t)
	tb := openTab(t, m.URL+"/")
	tb.until(isOpen + " && visible('panel')")
	tb.say("hello from the shop")
	agents := "document.querySelector('#agents').contentDocument"
	tb.until(agents + ".querySelectorAll('[data-testid=chat-row]').length === 1")
	eval[bool](tb, "("+agents+".querySelector('[data-testid=chat-row]').click(), true)")
	tb.until(agents + ".querySelector('[data-testid=content]')?.textContent === 'hello from the shop'")
	if got := eval[int](tb, "document.scripts.length"); got != 2 {
		t.Errorf("%d scripts on the demo page: the widget takes one", got)
	}
}
