package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"eclipse/internal/fakeapi"
)

// goes waits for a drained instance to exit, in time and with code 0.
func (r *Router) goes(asked time.Time, within time.Duration) {
	r.t.Helper()
	r.wait()
	equal(r.t, "exit code", r.exitCode(), 0)
	if took := time.Since(asked); took > within {
		r.t.Errorf("going took %v, more than %v", took, within)
	}
}

func TestDrainHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.router("DRAIN_TIMEOUT=4s"), w.router()
	chat := newChat()
	leavers := []*Client{a.v1(t, chat, "user_1"), a.v1(t, chat, "user_2"), a.v1(t, chat, "anon_3")}
	old, stayer := a.old(t, chat, "user_old"), b.v1(t, chat, "user_stayer")
	sayAll(stayer, "before", 5)
	sameOrder(t, 5, append([]*Client{old, stayer}, leavers...)...)

	w.api.SetLatency(700 * time.Millisecond)
	calls := w.api.Stats().BatchCalls
	leavers[0].sayAs("USER", words("in flight"), "id-1")
	eventually(t, "the save is in flight", func() bool { return w.api.Stats().BatchCalls > calls })
	asked := time.Now()
	a.Term()
	eventually(t, "readiness is off", func() bool {
		status, _, body := get(t, a.URL+"/ready")
		return status == http.StatusServiceUnavailable && body == "{\"status\":\"draining\"}\n"
	})
	_, response, err := opening{chat: chat, user: "user_new"}.try(t, a)
	if err == nil {
		t.Fatal("a draining instance lets sockets in")
	}
	equal(t, "status for a new socket", response.StatusCode, http.StatusServiceUnavailable)
	equal(t, "a time to retry", response.Header.Get("Retry-After") != "", true)
	equal(t, "counter", a.metric(`upgrades_total{outcome="draining"}`), 1)

	sayAll(stayer, "while they move", 5)
	for i, c := range leavers {
		advice := c.next("reconnect")
		equal(t, "keys of reconnect", advice.keys(), "afterMs type")
		if ms := advice.num("afterMs"); ms < 0 || ms > 2000 {
			t.Errorf("advice of %v ms", ms)
		}
		equal(t, "end", c.closed(), ending{1012, "Server restarts"})
		equal(t, "advice", len(c.of("reconnect")), 1)
		epoch, offset := c.position()
		back := b.dial(t, opening{chat: chat, user: c.how.user, v1: true, epoch: epoch, offset: offset})
		equal(t, "recovered", back.next("resumed").at("recovered"), any(true))
		leavers[i] = back
		t.Cleanup(func() { // when all is said
			same(t, c.how.user+" over both instances", slices.Concat(c.contents(), back.contents()), stayer.contents())
		})
	}
	equal(t, "end of an old client", old.closed(), ending{1012, "Server restarts"})
	a.goes(asked, 5*time.Second)
	leavers[0].sayAs("USER", words("in flight"), "id-1") // no ack is sure to have come: a client sends it again
	equal(t, "status", leavers[0].next("ack").str("status"), "stored")
	stayer.say(words("the end"))
	for _, c := range append(leavers, stayer) {
		c.has(words("the end"))
	}
	equal(t, "messages", len(stayer.contents()), 12)
	equal(t, "rows", len(w.api.RowsOf(chat)), 12)
}

// TestDrainFinishesSaves: what is on its way to the API when the process is asked to go is stored and reaches the
// sockets of the other instance, although every socket here is gone by then.
func TestDrainFinishesSaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.router("DRAIN_TIMEOUT=6s"), w.router()
	chat := newChat()
	sender, hearer := a.old(t, chat, "user_1"), b.old(t, chat, "user_2")
	w.api.SetLatency(time.Second)
	calls := w.api.Stats().BatchCalls
	sent := sayAll(sender, "last", 5)
	eventually(t, "the first save is in flight", func() bool { return w.api.Stats().BatchCalls > calls })
	sender.settle()
	sender.conn.Close()
	asked := time.Now()
	a.Term()
	a.goes(asked, 6*time.Second)
	same(t, "at the other instance", func() []string { hearer.has(sent[4]); return hearer.contents() }(), sent)
}

// TestDrainEnds although the API hangs: in time, with code 0 and a word in the log.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{}, "DRAIN_TIMEOUT=1s")
	var clients []*Client
	for i := range 20 {
		clients = append(clients, r.old(t, newChat(), fmt.Sprintf("user_%d", i)))
	}
	api.Inject(fakeapi.Fault{Kind: fakeapi.Hang})
	clients[0].say(words("never stored"))
	eventually(t, "the call hangs", func() bool { return api.Stats().BatchCalls > 0 && api.Stats().Faults[fakeapi.Hang] > 0 })
	asked := time.Now()
	r.Term()
	for _, c := range clients {
		equal(t, "end", c.closed(), ending{1012, "Server restarts"})
	}
	r.goes(asked, 3*time.Second)
	equal(t, "rows", len(api.Rows()), 0)
}

func TestDrainOfAnIdleInstanceIsQuick(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{}, "DRAIN_TIMEOUT=30s")
	asked := time.Now()
	r.Term()
	r.goes(asked, 3*time.Second)
}
