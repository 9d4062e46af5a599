package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"eclipse/internal/browsertest"
	"eclipse/internal/token"
)

//go:embed testdata/oldhook.js
var oldHook []byte

// oldSite is a page that holds the old hook and the widget, both in one chat. Its tokens are its own, as those of the
// real app are, so they can be had while the router is away.
func oldSite(t *testing.T, r *router, chat string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Old and new</title><link rel="icon" href="data:,">
			<script src="/hook.js" data-token-url="/token"></script>
			<script type="module" src="%s/widget.js" data-chat-id="%s" data-token-url="%s" data-open></script>`, r.url(), chat, "/token")
	})
	mux.HandleFunc("GET /hook.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(oldHook) // a page that has gone needs no hook
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now()
		signed, err := token.Mint(r.secret, token.Claims{UserID: fmt.Sprintf("anon_%d", now.UnixNano()), ChatID: chat}, now)
		if err != nil {
			http.Error(w, "no token", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"token": signed, "wsUrl": "ws://" + r.host() + "/"})
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return site.URL + "/"
}

func TestAnOldClientAndTheWidgetSeeTheSame(t *testing.T) {
	r := startRouter(t)
	chat := r.newChat()
	tb := openTab(t, oldSite(t, r, chat), browsertest.Viewport(1280, 900, false))
	tb.mayLoseServer()
	bothOpen := "widgetOpen() && oldHook.isOpen()"
	total := 0
	talk := func(round string) {
		t.Helper()
		tb.until(bothOpen)
		const rounds = 5
		for i := range rounds {
			tb.do(fmt.Sprintf("oldHook.send(' old %s %d ')", round, i)) // untrimmed, as a text field gives it
			tb.say("page", fmt.Sprintf("new %s %d", round, i))
			r.tell(chat, "agent", "", fmt.Sprintf("agent %s %d", round, i))
		}
		total += 3 * rounds
		tb.until(fmt.Sprintf("oldHook.list.length === %d && oldHook.list.every((m) => m.id) && page.all('message').length === %[1]d && page.allStored()", total))
		sameEverywhere(tb, r, chat, eval[[]string](tb, "oldHook.ids()"), eval[[]string](tb, "page.ids()"))
	}

	talk("before")
	r.end()
	tb.until("!oldHook.isOpen() && page.visible('banner')")
	r.start()
	talk("after")

	if got := eval[[]string](tb, "oldHook.warned"); len(got) > 0 {
		t.Errorf("the old client was told what it does not know: %q", got)
	}
	said := r.stored(chat)
	for _, who := range []string{"old", "new", "agent"} {
		var theirs, want []string
		for _, text := range said {
			if len(text) > len(who) && text[:len(who)+1] == who+" " {
				theirs = append(theirs, text)
			}
		}
		for _, round := range []string{"before", "after"} {
			for i := range 5 {
				want = append(want, fmt.Sprintf("%s %s %d", who, round, i))
			}
		}
		if !slices.Equal(theirs, want) {
			t.Errorf("%s said %q, stored is %q", who, want, theirs)
		}
	}
}
