package browser

import (
	"fmt"
	"os"
	"testing"

	"eclipse/internal/browsertest"
)

// TestPictures draws the demo with a conversation in it: demo is the README's, the others are to look at.
func TestPictures(t *testing.T) {
	if os.Getenv("E2E_SHOTS") == "" {
		t.Skip("E2E_SHOTS is not set")
	}
	for _, p := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"demo", "light", 1440, 900}, {"demo-dark", "dark", 1440, 900}, {"demo-phone", "light", 390, 844},
	} {
		t.Run(p.name, func(t *testing.T) {
			r := startRouter(t)
			furnish(r)
			tb := openTab(t, r.url()+"/", browsertest.Viewport(p.width, p.height, p.width < 500), scheme(p.scheme))
			chat := converse(tb, r)
			tb.until(`[document, document.querySelector('#eclipse-chat').shadowRoot, frame()].flatMap((r) => r.getAnimations())
				.every((a) => a.effect.getTiming().iterations === Infinity)`) // the dots of the typing line go on
			t.Log("the picture's chat is", chat)
			tb.shoot(p.name)
		})
	}
}

// furnish fills the inbox.
func furnish(r *router) {
	for _, c := range []struct{ name, text, answer string }{
		{"Tomás Ferreira", "Two of them, please, and one spare shade", "They leave the workshop on Friday."},
		{"Mara Lindqvist", "Perfect, thank you so much!", "You are welcome. Enjoy the light!"},
		{"Priya Nair", "Could I get an invoice with VAT?", ""},
		{"Samuel Okafor", "Is the brass lacquered?", "It is waxed, so it ages with you."},
		{"Jonas Weber", "The dimmer flickers at the lowest step", ""},
		{"Elif Demir", "Do you ship to Norway?", ""},
	} {
		chat := r.newChat()
		r.tell(chat, "visitor", c.name, c.text)
		if c.answer != "" {
			r.tell(chat, "agent", "", c.answer)
		}
	}
}

// converse holds a talk on the demo page and leaves the visitor typing.
func converse(tb *tab, r *router) string {
	tb.until("widgetOpen() && page.visible('panel')")
	chat := tb.openDemoChat(r)
	wide := eval[bool](tb, "agents.visible('composer')")
	talk := []string{
		"Hi! Does the Corona come with a warmer light?",
		"Hello! Yes: 2200 K, like candlelight. You choose it when you order.",
		"Lovely. And how long is the cable?",
		"Two metres, in cloth. The colours are here: https://penumbra.example/cords",
	}
	for i, text := range talk {
		switch {
		case i%2 == 0:
			tb.say("page", text)
		case wide:
			tb.say("agents", text)
		default:
			r.tell(chat, "agent", "", text)
		}
		tb.until(fmt.Sprintf("page.all('content').length === %d && page.states().every((s) => s === 'stored')", i+1))
	}
	tb.write("page", "Then I take two, ")
	if wide {
		tb.until("agents.one('typing').textContent !== '' && page.texts('state').includes('Seen')")
	}
	return chat
}
