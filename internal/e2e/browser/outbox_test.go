package browser

import (
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/fakeapi"
)

// contents are the texts that the API has stored.
func (s *site) contents() []string {
	var list []string
	for _, r := range s.api.RowsOf(s.chat) {
		list = append(list, r.Content)
	}
	return list
}

// TestAnOutageOfTheAPI takes the API away while a visitor writes and reloads the page: what was accepted is shown as
// that, is there after the reload, and in the end stands in the database and before the agent once, in order.
func TestAnOutageOfTheAPI(t *testing.T) {
	s := startSite(t, "ACCEPT_PATIENCE=100ms")
	visitor, agent := s.openShop(t), s.openAgents(t)
	visitor.say("page", "before")
	visitor.until("page.says(['before']) && page.allStored()")
	agent.until("page.says(['before'])")

	s.api.Inject(fakeapi.Fault{Kind: fakeapi.Status, Status: http.StatusServiceUnavailable})
	visitor.say("page", "one")
	visitor.say("page", "two")
	const accepted = "page.says(['before', 'one', 'two']) && page.states().join() === 'stored,accepted,accepted'"
	visitor.until(accepted + " && page.texts('state').at(-1) === 'Accepted, will be delivered'")
	agent.say("page", "an answer")
	agent.until("page.says(['before', 'an answer']) && page.states().at(-1) === 'accepted'")
	visitor.run(chromedp.Reload())
	visitor.until("widgetOpen() && " + accepted)
	visitor.say("page", "three")
	visitor.until("page.states().join() === 'stored,accepted,accepted,accepted'")

	s.api.Heal()
	visitor.until("page.all('message').length === 5 && page.allStored() && page.texts('state').filter((t) => t === 'Sent' || t === 'Seen').length === 1")
	agent.until("page.all('message').length === 5 && page.allStored()")
	want := eval[[]string](visitor, "page.texts('content')")
	if got := s.contents(); !slices.Equal(got, want) {
		t.Errorf("the database has %q, the visitor sees %q", got, want)
	}
	if got := eval[[]string](agent, "page.texts('content')"); !slices.Equal(got, want) {
		t.Errorf("the agent sees %q, the visitor %q", got, want)
	}
	if n := eval[int](visitor, "Object.keys(sessionStorage).length"); n != 0 {
		t.Errorf("%d outboxes are kept when all is stored", n)
	}
	for _, tb := range []*tab{visitor, agent} {
		tb.run(chromedp.Reload())
	}
	visitor.until("widgetOpen() && page.all('message').length === 5 && page.allStored()")
}

// TestRefusedAfterItWasShown has the API refuse what everyone has seen: both sides are told, the author may try again,
// and after a reload of the agents' view it is gone there.
func TestRefusedAfterItWasShown(t *testing.T) {
	s := startSite(t, "DELIVERY=live")
	visitor, agent := s.openShop(t), s.openAgents(t)
	agentReloads := func() {
		t.Helper()
		agent.run(chromedp.Reload())
		agent.until("document.body.dataset.connection === 'open' && page.all('chat-row').length === 1")
		agent.do("page.one('chat-row').click()")
	}
	visitor.say("page", "fine")
	visitor.until("page.says(['fine']) && page.allStored()")
	agent.until("page.says(['fine'])")

	refuse := s.api.Inject(fakeapi.Fault{Kind: fakeapi.RejectContent, Content: "cheap"})
	visitor.say("page", "cheap lamps")
	agent.until("page.says(['fine', 'cheap lamps']) && page.states().at(-1) === 'failed'")
	agent.until("page.all('lost').at(-1).checkVisibility() && !page.all('retry').at(-1).checkVisibility()")
	visitor.until("page.states().join() === 'stored,failed' && page.all('retry').at(-1).checkVisibility() && !page.all('lost').at(-1).checkVisibility()")
	visitor.run(chromedp.Reload())
	visitor.until("widgetOpen() && page.says(['fine', 'cheap lamps']) && page.states().join() === 'stored,failed'")
	agent.say("page", "No, thank you.")
	visitor.until("page.texts('content').includes('No, thank you.')")
	agentReloads()
	agent.until("page.says(['fine', 'No, thank you.'])")

	refuse()
	visitor.do("page.all('retry').find((n) => n.checkVisibility()).click()")
	visitor.until("page.all('message').length === 3 && page.allStored()")
	agent.until("page.says(['fine', 'No, thank you.', 'cheap lamps']) && page.allStored()")
	if got, want := s.contents(), []string{"fine", "No, thank you.", "cheap lamps"}; !slices.Equal(got, want) {
		t.Errorf("the database has %q, want %q", got, want)
	}

	// What is shown and not stored is there after a reload of the others too, though the history lacks it.
	s.api.Inject(fakeapi.Fault{Kind: fakeapi.Status, Status: http.StatusServiceUnavailable})
	visitor.say("page", "in an outage")
	visitor.until("page.states().at(-1) === 'accepted'")
	agentReloads()
	agent.until("page.says(['fine', 'No, thank you.', 'cheap lamps', 'in an outage'])")
	s.api.Heal()
	visitor.until("page.allStored()")
	agentReloads()
	agent.until("page.says(['fine', 'No, thank you.', 'cheap lamps', 'in an outage'])")
}
