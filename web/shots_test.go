package web_test

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

// TestScreenshots draws the demo in every layout, for people to look at. WEB_SHOTS names the folder.
func TestScreenshots(t *testing.T) {
	if os.Getenv("WEB_SHOTS") == "" {
		t.Skip("WEB_SHOTS is not set")
	}
	for _, layout := range []struct {
		name, path, scheme string
		width, height      int64
		agents             bool
	}{
		{name: "demo-light", path: "/", scheme: "light", width: 1440, height: 900},
		{name: "demo-dark", path: "/", scheme: "dark", width: 1440, height: 900},
		{name: "demo-phone-visitor", path: "/", scheme: "light", width: 390, height: 844},
		{name: "demo-phone-agents", path: "/", scheme: "dark", width: 390, height: 844, agents: true},
		{name: "agents-light", path: "/agents", scheme: "light", width: 1280, height: 800},
	} {
		t.Run(layout.name, func(t *testing.T) {
			m := newMockRouter(t)
			furnish(m)
			tb := openTab(t, m.URL+layout.path, browsertest.Viewport(layout.width, layout.height, layout.width < 500), prefers("prefers-color-scheme", layout.scheme))
			if layout.path == "/" {
				tb.until("one('eclipse-widget').dataset.connection === 'open'")
				converse(m, "chat0009")
				tb.until("all('content').length === 4")
				tb.until("document.querySelector('#agents').contentDocument.querySelectorAll('[data-testid=chat-row]').length === 9")
				inFrame := "document.querySelector('#agents').contentDocument.querySelector('[data-chat-id=chat0009]').click()"
				if layout.width > 500 {
					tb.run(chromedp.Evaluate[chromedp.Void](inFrame))
					tb.until("document.querySelector('#agents').contentDocument.querySelectorAll('[data-testid=message]').length === 4")
					tb.until("texts('presence')[0] === 'An agent is online'")
				}
				if layout.agents {
					tb.run(chromedp.Click(chromedp.CSS("#tab-agents")))
				}
			} else {
				tb.until("all('chat-row').length === 8")
				eval[bool](tb, "(document.querySelector('[data-chat-id=chat0003]').click(), true)")
				tb.until("all('content').length === 1")
			}
			tb.until("roots().every((r) => r.getAnimations().length === 0)") // the panel has risen
			tb.shoot(layout.name)
		})
	}
}

func furnish(m *mockRouter) {
	for _, c := range []struct{ id, name, text string }{
		{"chat0001", "Mara Lindqvist", "Perfect, thank you so much!"}, {"chat0002", "Anonymous", "Do you ship to Norway?"},
		{"chat0003", "Jonas Weber", "The dimmer flickers at the lowest step"}, {"chat0004", "Anonymous", "Is the brass lacquered?"},
		{"chat0005", "Priya Nair", "Could I get an invoice with VAT?"}, {"chat0006", "Anonymous", "hello?"},
		{"chat0007", "Tomás Ferreira", "Two of them, please, and one spare shade"}, {"chat0008", "Anonymous", "Can it hang on a wall?"},
	} {
		m.addChat(c.id)
		m.say(c.id, "user", c.name, c.text)
	}
	m.say("chat0001", "agent", "Ada", "You are welcome. Enjoy the light!")
}

func converse(m *mockRouter, id string) {
	m.say(id, "user", "Anonymous", "Hi! Does the Corona come with a warmer light?")
	m.say(id, "agent", "Ada", "Hello! Yes: 2200 K, like candlelight. You choose it when you order.")
	m.say(id, "user", "Anonymous", "Lovely. And how long is the cable?")
	m.say(id, "agent", "Ada", "Two metres, in cloth. Here is the data sheet: https://penumbra.example/corona")
}
