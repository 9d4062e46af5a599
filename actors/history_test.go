package actors

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

// row is a message of the API's history that was stored some time ago.
func row(id string, age time.Duration) nextapi.Row {
	at := time.Now().Add(-age)
	data := fmt.Sprintf(`{"id":%q,"content":%q,"role":"ASSISTANT","createdAt":%q,"sender":{"id":"bot","name":"Bot"}}`, id, id, at.UTC().Format(time.RFC3339Nano))
	return nextapi.Row{ID: id, CreatedAt: at, Data: []byte(data)}
}

func withHistory(t testing.TB, rows ...nextapi.Row) *fixture {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	api := newAPI()
	api.history = map[string][]nextapi.Row{"c1": rows}
	cfg := quick()
	cfg.HeadCheck = 100 * time.Millisecond
	return start(t, cfg, api, m)
}

func (a *fakeAPI) remember(rows ...nextapi.Row) {
	a.set(func() { a.history["c1"] = append(a.history["c1"], rows...) })
}

func (a *fakeAPI) askedFor() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// What the API stored and Redis lost on the way is found, in the API's order, once.
func TestLostPublishesAreFound(t *testing.T) {
	f := withHistory(t, row("a", time.Hour), row("b", time.Hour))
	f.logged("c1", "a", time.Hour)
	ada := f.connect("c1", "ada", signedIn, part2)
	ada.hears("message", 1) // b was lost before anybody came
	f.api.remember(row("c", time.Minute), row("d", time.Minute), row("young", 0))
	ada.hears("message", 3)
	if got := ada.contents(); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Errorf("heard %q", got)
	}
	before := f.api.askedFor()
	eventually(t, "more rounds", func() bool { return f.api.askedFor() >= before+2 })
	ada.hears("message", 3)
}

// What the log may have forgotten is not shown once more, as where an app numbers the rows of its table anew.
func TestOldMessagesAreNoNews(t *testing.T) {
	f := withHistory(t, row("a", time.Hour), row("old", 25*time.Hour), row("b", time.Hour))
	f.logged("c1", "a", time.Hour)
	ada := f.connect("c1", "ada", signedIn, part2)
	ada.hears("message", 1)
	if got := ada.contents(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("heard %q", got)
	}
}

// A round that the API does not answer leaves the place from which the next one asks; a message that the API does not know is
// none.
func TestHistoryThatCannotBeAsked(t *testing.T) {
	for name, c := range map[string]struct {
		class nextapi.Class
		found []string
	}{
		"away":                {nextapi.Retry, []string{"b", "c", "x"}},
		"knows no such thing": {nextapi.Rejected, []string{"c", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := withHistory(t, row("a", time.Hour), row("b", time.Hour))
			f.logged("c1", "a", time.Hour)
			f.api.set(func() { f.api.historyFail = &nextapi.Result{Class: c.class, Status: 404} })
			ada := f.connect("c1", "ada", signedIn, part2)
			eventually(t, "a round has failed", func() bool { return f.api.askedFor() >= 1 })
			f.chatPID("c1")
			f.api.set(func() { f.api.historyFail = nil })
			rounds := f.api.askedFor()
			eventually(t, "one has not", func() bool { return f.api.askedFor() > rounds })
			f.api.remember(row("c", time.Minute))
			ada.say("x") // or the chat would rest
			ada.hears("message", len(c.found))
			if got := slices.Sorted(slices.Values(ada.contents())); !slices.Equal(got, c.found) {
				t.Errorf("heard %q", got)
			}
		})
	}
}

// In a busy chat what was lost a moment ago is found although many others were logged since.
func TestLostPublishOfABusyChat(t *testing.T) {
	for _, length := range []int{historyTail + 10, readMax + 10} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			rows := []nextapi.Row{row("old", time.Hour), row("lost", 30*time.Second)}
			for i := range length {
				rows = append(rows, row(fmt.Sprint("m", i), 20*time.Second))
			}
			f := withHistory(t, rows...)
			f.logged("c1", "old", time.Hour)
			for i := range length {
				f.logged("c1", fmt.Sprint("m", i), 20*time.Second)
			}
			ada := f.connect("c1", "ada", signedIn, part2)
			if length >= readMax { // too much has happened since
				eventually(t, "a round", func() bool { return f.api.askedFor() >= 2 })
				ada.hears("message", 0)
				return
			}
			ada.hears("message", 1)
			if got := ada.contents(); !slices.Equal(got, []string{"lost"}) {
				t.Errorf("heard %q", got)
			}
		})
	}
}

// Without anything to begin after, the history is not shown as if it were new.
func TestHistoryIsNotShownAnew(t *testing.T) {
	f := withHistory(t, row("a", time.Hour), row("b", time.Hour))
	ada := f.connect("c1", "ada", signedIn, part2)
	eventually(t, "rounds", func() bool { return f.api.askedFor() >= 2 })
	f.api.remember(row("c", time.Minute))
	ada.hears("message", 1)
	if got := ada.contents(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("heard %q", got)
	}
}

// What many chats ask goes out together, or one by one where the API has no route for many.
func TestLostPublishesOfManyChats(t *testing.T) {
	for _, singly := range []bool{false, true} {
		t.Run(fmt.Sprintf("singly=%v", singly), func(t *testing.T) {
			f := withHistory(t)
			f.api.set(func() { f.api.historySingly = singly })
			var sockets []*client
			for i := range 50 {
				chatID := fmt.Sprint("chat-", i)
				f.api.set(func() { f.api.history[chatID] = []nextapi.Row{row("a", time.Hour), row("b", time.Hour)} })
				f.logged(chatID, "a", time.Hour)
				sockets = append(sockets, f.connect(chatID, "ada", signedIn, part2))
			}
			for _, ada := range sockets {
				ada.hears("message", 1)
				if got := ada.contents(); !slices.Equal(got, []string{"b"}) {
					t.Errorf("heard %q", got)
				}
			}
		})
	}
}

// An API without the route is left alone; a quiet chat is asked after rarely.
func TestHistoryRounds(t *testing.T) {
	f := single(t)
	f.connect("c1", "ada", signedIn, part2)
	eventually(t, "the lack is known", func() bool { return f.noHistory.Load() > time.Now().Unix() })
	h, asked := history{}, 0
	for range 40 {
		if h.due(wire.Position{Epoch: "e", Offset: 1}) {
			asked++
		}
	}
	if asked != historyIdle+4 {
		t.Errorf("asked in %d of 40 rounds", asked)
	}
	if !h.due(wire.Position{Epoch: "e", Offset: 2}) {
		t.Error("not asked after something came")
	}
}
