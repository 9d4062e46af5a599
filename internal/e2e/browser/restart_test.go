package browser

import (
	"slices"
	"testing"

	"eclipse/internal/browsertest"
)

// sameEverywhere fails where the visitor, the agent and the database do not hold the same messages in one order, each once.
func sameEverywhere(tb *tab, r *router, chat string, visitors, agents []string) {
	tb.t.Helper()
	stored := r.ids(chat)
	if !slices.Equal(visitors, stored) || !slices.Equal(agents, stored) {
		tb.t.Errorf("not the same:\nvisitor  %q\nagent    %q\ndatabase %q\nwhich is %q", visitors, agents, stored, r.stored(chat))
	}
	once := slices.Clone(stored)
	slices.Sort(once)
	if len(slices.Compact(once)) != len(stored) {
		tb.t.Errorf("something is there twice: %q", stored)
	}
}

func TestARestartLosesNothingAndDoublesNothing(t *testing.T) {
	r := startRouter(t)
	tb := openTab(t, r.url()+"/", browsertest.Viewport(1440, 900, false))
	tb.mayLoseServer()
	tb.until("widgetOpen() && page.visible('panel')")
	chat := tb.openDemoChat(r)
	tb.say("page", "one")
	tb.until("agents.says(['one'])")
	tb.say("agents", "two")
	tb.until("page.says(['one', 'two']) && page.allStored() && agents.allStored()")

	tb.say("page", "sent as it goes") // stored before the end or sent again after it
	r.end()
	tb.until("page.visible('banner') && page.one('connection').textContent.startsWith('Connection lost') && agents.visible('banner')")
	tb.say("page", "asked while away")
	tb.say("agents", "answered while away")
	tb.until("page.states().at(-1) === 'sending' && agents.states().at(-1) === 'sending'")
	r.start()

	tb.until("widgetOpen() && !page.visible('banner') && frame().body.dataset.connection === 'open' && !agents.visible('banner')")
	tb.until("page.all('message').length === 5 && page.allStored() && agents.all('message').length === 5 && agents.allStored()")
	sameEverywhere(tb, r, chat, eval[[]string](tb, "page.ids()"), eval[[]string](tb, "agents.ids()"))
	texts := r.stored(chat)
	slices.Sort(texts)
	if want := []string{"answered while away", "asked while away", "one", "sent as it goes", "two"}; !slices.Equal(texts, want) {
		t.Errorf("the database holds %q, want %q", texts, want)
	}
	tb.until("page.one('presence').textContent === 'An agent is online' && agents.one('presence').textContent === 'Online'")

	tb.say("page", "and on it goes")
	tb.until("agents.all('message').length === 6 && agents.texts('content')[5] === 'and on it goes' && page.allStored()")
	sameEverywhere(tb, r, chat, eval[[]string](tb, "page.ids()"), eval[[]string](tb, "agents.ids()"))
	if n := r.metric("eclipse_connections"); n != 2 {
		t.Errorf("%v sockets after the restart, want the widget's and the agents'", n)
	}
}
