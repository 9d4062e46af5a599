package browser

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

// openDemoChat waits until the agents' frame lists the chat that the demo's widget has made, and opens it there.
func (tb *tab) openDemoChat(r *router) string {
	tb.t.Helper()
	before := len(eval[[]string](tb, "agents.all('chat-row').map((r) => r.dataset.chatId)"))
	var chats struct {
		Chats []struct {
			ID       string
			Messages int
		}
	}
	r.get("/api/chats", &chats)
	chat := ""
	for _, c := range chats.Chats {
		if c.Messages == 0 {
			chat = c.ID
		}
	}
	if chat == "" {
		tb.t.Fatalf("the widget made no chat; the list had %d", before)
	}
	tb.do("document.querySelector('#agents').contentWindow.dispatchEvent(new Event('focus'))") // which makes it look for new chats
	tb.until(fmt.Sprintf("agents.row(%q)", chat) + " !== undefined && frame().body.dataset.connection === 'open'")
	tb.do(fmt.Sprintf("agents.row(%q).click()", chat))
	return chat
}

func TestDemoTalksBothWays(t *testing.T) {
	r := startRouter(t)
	tb := openTab(t, r.url()+"/", browsertest.Viewport(1440, 900, false))
	tb.until("widgetOpen() && page.visible('panel')")
	chat := tb.openDemoChat(r)
	tb.until("page.one('presence').textContent === 'An agent is online' && agents.one('presence').textContent === 'Online'")

	tb.write("page", "Is anybody there?")
	tb.until("agents.one('typing').textContent.endsWith('is typing')")
	tb.enter()
	tb.until("agents.says(['Is anybody there?']) && page.states().join() === 'stored'")
	tb.until("agents.one('typing').textContent === '' && page.texts('state').join() === 'Seen'")

	tb.write("agents", "Yes, Ada is.")
	tb.until("page.one('typing').textContent.endsWith('is typing')")
	tb.enter()
	said := []string{"Is anybody there?", "Yes, Ada is."}
	both := "page.says(['Is anybody there?', 'Yes, Ada is.'])"
	tb.until(both + " && page.states().join() === 'stored,stored' && agents.states().join() === 'stored,stored'")
	tb.until("page.one('typing').textContent === '' && page.all('message')[1].dataset.role === 'agent' && page.texts('event').length === 1")
	if got := r.stored(chat); !slices.Equal(got, said) {
		t.Errorf("stored %q", got)
	}

	tb.run(chromedp.Reload())
	tb.until("widgetOpen() && " + both + " && page.states().join() === 'stored,stored'")
	tb.until(fmt.Sprintf("agents.row(%q) !== undefined", chat))
	tb.do(fmt.Sprintf("agents.row(%q).click()", chat))
	tb.until("agents.says(['Is anybody there?', 'Yes, Ada is.'])")
	tb.say("page", "Still me.")
	tb.until("agents.texts('content').at(-1) === 'Still me.' && page.states().join() === 'stored,stored,stored'")
}
