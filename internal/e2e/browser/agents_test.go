package browser

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

// frozenList keeps the agents' view from asking for the list of chats again, so that what it shows then came over its socket.
const frozenList = `window.fetch = ((ask) => (url, ...rest) => (url === '/api/chats' ? new Promise(() => {}) : ask(url, ...rest)))(window.fetch)`

// unread is the number that a chat's row shows, "" for none.
func unread(chat string) string {
	return fmt.Sprintf("((n) => (n?.checkVisibility() ? n.textContent : ''))(page.row(%q)?.querySelector('[data-testid=unread]'))", chat)
}

// latestFirst are the chats in the order of the API: the latest message first, of one millisecond the lesser id.
func (r *router) latestFirst() []string {
	r.t.Helper()
	var list struct{ Chats []struct{ ID string } }
	r.get("/api/chats", &list)
	ids := make([]string, len(list.Chats))
	for i, c := range list.Chats {
		ids[i] = c.ID
	}
	return ids
}

func (tb *tab) listed() []string {
	tb.t.Helper()
	return eval[[]string](tb, "page.all('chat-row').map((r) => r.dataset.chatId)")
}

func TestAgentsHoldFortyChatsOnOneSocket(t *testing.T) {
	r := startRouter(t)
	var chats []string
	for range 40 {
		chats = append(chats, r.newChat())
	}
	tb := openTab(t, r.url()+"/agents", browsertest.Viewport(1280, 900, false))
	tb.until("page.all('chat-row').length === 40 && document.body.dataset.connection === 'open'")
	eventually(t, "forty chats joined", func() bool { return r.metric("eclipse_chats") == 40 })
	if n := r.metric("eclipse_connections"); n != 1 {
		t.Errorf("forty chats on %v sockets", n)
	}

	tb.do(frozenList)
	for i, chat := range chats {
		r.tell(chat, "visitor", "", fmt.Sprintf("question %d", i))
	}
	tb.until("page.one('waiting').textContent === '40 waiting'")
	tb.until("page.all('unread').every((n) => n.textContent === '1' && n.checkVisibility())")
	if got, want := tb.listed(), r.latestFirst(); !slices.Equal(got, want) {
		t.Errorf("the list is %q, want %q", got, want)
	}

	open, other := chats[5], chats[20]
	tb.do(fmt.Sprintf("page.row(%q).click()", open))
	tb.until("page.says(['question 5']) && " + unread(open) + " === ''")
	for range 2 {
		r.tell(open, "visitor", "", "seen at once")
		r.tell(other, "visitor", "", "not seen")
	}
	tb.until("page.says(['question 5', 'seen at once', 'seen at once']) && " + unread(other) + " === '3'")
	tb.until(unread(open) + " === '' && page.one('waiting').textContent === '39 waiting'")
	if got, want := tb.listed(), r.latestFirst(); !slices.Equal(got, want) {
		t.Errorf("the list is %q, want %q", got, want)
	}
	tb.say("page", "An answer.")
	tb.until("page.states().at(-1) === 'stored' && page.all('chat-row')[0].dataset.chatId === " + fmt.Sprintf("%q", open))
	eventually(t, "only the agents' socket", func() bool { return r.metric("eclipse_connections") == 1 })

	tb.run(chromedp.Reload())
	tb.until("page.all('chat-row').length === 40 && document.body.dataset.connection === 'open'")
	tb.until(unread(other) + " === '3' && " + unread(open) + " === '' && page.one('waiting').textContent === '39 waiting'")
}
