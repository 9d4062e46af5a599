package standin

import (
	"testing"

	"eclipse/internal/nextapi"
)

// The router's own client understands the stand-in.
func TestTheRoutersClientUnderstands(t *testing.T) {
	f := start(t)
	f.chat("c1")
	c, err := nextapi.New(nextapi.Options{BaseURL: f.http.URL, Secret: internalSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	m := nextapi.Message{ID: "a", ChatID: "c1", Content: content, Role: "USER", UserID: "anon_1", SentAt: clock}
	unknown := m
	unknown.ID, unknown.ChatID = "b", "unknown"
	for _, status := range []int{201, 200} {
		got := c.StoreBatch(t.Context(), []nextapi.Message{m, unknown})
		if got[0].Class != nextapi.Stored || got[0].Status != status || got[0].ID != "a" {
			t.Errorf("got %+v", got[0])
		}
		if got[1].Class != nextapi.Rejected || got[1].Reason != noChat {
			t.Errorf("got %+v", got[1])
		}
	}
	if r := c.Store(t.Context(), m); r.Class != nextapi.Stored || r.ID == "a" {
		t.Errorf("single: %+v", r)
	}
	if r := c.Store(t.Context(), unknown); r.Class != nextapi.Rejected {
		t.Errorf("single, unknown chat: %+v", r)
	}
	if u, r := c.User(t.Context(), agentID); r.Class != nextapi.Stored || u.Name != agentName {
		t.Errorf("user: %+v %+v", u, r)
	}
	if _, r := c.User(t.Context(), "anon_1"); r.Class != nextapi.Rejected {
		t.Errorf("visitor: %+v", r)
	}
	stranger, err := nextapi.New(nextapi.Options{BaseURL: f.http.URL, Secret: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Close)
	if r := stranger.Store(t.Context(), m); r.Class != nextapi.Denied {
		t.Errorf("wrong secret: %+v", r)
	}
}
