package fakeapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"eclipse/internal/nextapi"
)

// patience bounds a call: short where the API hangs, long where it answers, however busy the machine is.
func patience(t *testing.T, hangs bool) context.Context {
	d := 20 * time.Second
	if hangs {
		d = time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestFaultsOfWholeCalls(t *testing.T) {
	for _, tc := range []struct {
		name          string
		fault         Fault
		batch, single string
		stored        int // by each of the two calls
		retryAfter    time.Duration
	}{
		{"500", Fault{Kind: Status}, "3/500", "3/500", 0, 0},
		{"503 with advice", Fault{Kind: Status, Status: 503, RetryAfter: "2"}, "3/503", "3/503", 0, 2 * time.Second},
		{"429 with advice", Fault{Kind: Status, Status: 429, RetryAfter: "1"}, "2/429", "2/429", 0, time.Second},
		{"401", Fault{Kind: Status, Status: 401}, "4/401", "4/401", 0, 0},
		{"hang", Fault{Kind: Hang}, "3/0", "3/0", 0, 0},
		{"too slow", Fault{Kind: Slow, Delay: time.Hour}, "3/0", "3/0", 0, 0},
		{"commit then hang", Fault{Kind: CommitThenHang}, "3/0", "3/0", 1, 0},
		{"commit then 500", Fault{Kind: CommitThenStatus}, "3/500", "3/500", 1, 0},
		{"half an answer", Fault{Kind: HalfAnswer}, "3/200", "3/200", 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var published publications
			s, c := start(t, Options{Publish: published.publish})
			s.Inject(tc.fault)
			hangs := tc.batch == "3/0"
			batch := c.StoreBatch(patience(t, hangs), []nextapi.Message{message("a", "c1", "x")})
			single := c.Store(patience(t, hangs), message("", "c1", "x"))
			if got := classes(batch); got != tc.batch || batch[0].RetryAfter != tc.retryAfter {
				t.Errorf("batch: %s, want %s: %+v", got, tc.batch, batch[0])
			}
			if got := classes([]nextapi.Result{single}); got != tc.single || single.RetryAfter != tc.retryAfter {
				t.Errorf("single: %s, want %s: %+v", got, tc.single, single)
			}
			if stats := s.Stats(); stats.Rows != 2*tc.stored || len(published.all()) != tc.stored || stats.Faults[tc.fault.Kind] != 2 {
				t.Errorf("%d rows, %d published, %+v", stats.Rows, len(published.all()), stats)
			}
			s.Heal()
			if got := classes(c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})); !strings.HasPrefix(got, "0/20") {
				t.Errorf("healed: %s", got)
			}
		})
	}
}

func TestHealingLeavesWhatLasts(t *testing.T) {
	s, c := start(t, Options{})
	s.Inject(Fault{Kind: RejectContent, Content: "bad", Lasting: true})
	s.Inject(Fault{Kind: Status, Status: 503})
	s.Heal()
	if got := classes(c.StoreBatch(t.Context(), []nextapi.Message{message("1", "c1", "good"), message("2", "c1", "bad")})); got != "0/201 1/400" {
		t.Errorf("got %s", got)
	}
}

func TestFaultsOfItems(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault Fault
		want  string // of bad, after bad in the same chat
		rows  string
	}{
		{"503", Fault{Kind: Status, Status: 503}, "3/503 2/424", "other"},
		{"429", Fault{Kind: Status, Status: 429}, "2/429 2/424", "other"},
		{"commit then 500", Fault{Kind: CommitThenStatus}, "3/500 2/424", "other,bad"},
		{"unknown chat", Fault{Kind: UnknownChat}, "1/404 0/201", "other,after"},
		{"rejected content", Fault{Kind: RejectContent}, "1/400 0/201", "other,after"},
		{"slow", Fault{Kind: Slow, Delay: time.Millisecond}, "0/201 0/201", "other,bad,after"},
		{"publish faults", Fault{Kind: LosePublish}, "0/201 0/201", "other,bad,after"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := start(t, Options{})
			tc.fault.Content = "bad"
			s.Inject(tc.fault)
			got := c.StoreBatch(t.Context(), []nextapi.Message{message("1", "c2", "other"), message("2", "c1", "bad"), message("3", "c1", "after")})
			if classes(got) != "0/201 "+tc.want || contents(s.Rows()) != tc.rows {
				t.Errorf("%s with rows %s, want 0/201 %s with %s", classes(got), contents(s.Rows()), tc.want, tc.rows)
			}
		})
	}
	for _, kind := range []Kind{Hang, CommitThenHang, HalfAnswer} {
		s, c := start(t, Options{})
		s.Inject(Fault{Kind: kind, Chat: "c1"})
		got := c.StoreBatch(patience(t, false), []nextapi.Message{message("1", "c2", "other"), message("2", "c1", "bad")})
		if classes(got) != "3/0 3/0" || (len(s.Rows()) == 2) != (kind != Hang) {
			t.Errorf("%s: %s with rows %s", kind, classes(got), contents(s.Rows()))
		}
	}
}

func TestFaultsOfTheSingleRoute(t *testing.T) {
	for kind, want := range map[Kind]struct {
		class           string
		rows, published int
	}{
		LosePublish: {"0/200", 1, 0}, DoublePublish: {"0/200", 1, 2}, UnknownChat: {"1/404", 0, 0}, RejectContent: {"1/400", 0, 0}, Slow: {"0/200", 1, 1},
	} {
		var published publications
		s, c := start(t, Options{Publish: published.publish})
		s.Inject(Fault{Kind: kind, Chat: "c1"})
		got := c.Store(t.Context(), message("", "c1", "x"))
		if classes([]nextapi.Result{got}) != want.class || len(s.Rows()) != want.rows || len(published.all()) != want.published {
			t.Errorf("%s: %+v, %d rows, %d published", kind, got, len(s.Rows()), len(published.all()))
		}
		if got := c.Store(t.Context(), message("", "c2", "x")); got.Class != nextapi.Stored {
			t.Errorf("%s: another chat: %+v", kind, got)
		}
	}
}

func TestALatePublishFollowsTheNext(t *testing.T) {
	var published publications
	s, c := start(t, Options{Mode: Old, Publish: published.publish})
	say := func(chat string) string {
		r := c.Store(t.Context(), message("", chat, "x"))
		return r.ID
	}
	s.Inject(Fault{Kind: LatePublish, Times: 2})
	late, other := say("c1"), say("c2")
	if n := len(published.all()); n != 0 {
		t.Fatalf("%d published", n)
	}
	next := say("c1")
	s.Heal()
	all := published.all()
	if len(all) != 3 {
		t.Fatalf("published %q", all)
	}
	for i, id := range []string{next, late, other} {
		if !strings.Contains(all[i], `"`+id+`"`) {
			t.Errorf("publication %d is %s, want %s", i, all[i], id)
		}
	}
}

func TestHowOftenAFaultStrikes(t *testing.T) {
	s, c := start(t, Options{})
	run := func(n int) string {
		list := make([]nextapi.Result, n)
		for i := range list {
			list[i] = c.Store(t.Context(), message("", "c1", "x"))
		}
		return classes(list)
	}
	s.Inject(Fault{Kind: Status, Times: 2})
	if got := run(3); got != "3/500 3/500 0/200" {
		t.Errorf("twice: %s", got)
	}
	clear := s.Inject(Fault{Kind: Status, Every: 2})
	if got := run(4); got != "0/200 3/500 0/200 3/500" {
		t.Errorf("every second: %s", got)
	}
	clear()
	clear()
	if got := run(2); got != "0/200 0/200" {
		t.Errorf("cleared: %s", got)
	}
}

func TestHealEndsAHang(t *testing.T) {
	s, c := start(t, Options{})
	s.Inject(Fault{Kind: Hang})
	done := make(chan nextapi.Result)
	go func() { done <- c.Store(t.Context(), message("", "c1", "x")) }()
	for s.Stats().Faults[Hang] == 0 {
		runtime.Gosched()
	}
	s.Heal()
	select {
	case r := <-done:
		if r.Class != nextapi.Ambiguous {
			t.Errorf("got %+v", r)
		}
	case <-time.After(4 * time.Second):
		t.Error("the call still hangs")
	}
}

func TestHealEndsWhatHasStruckAndIsNotYetCarriedOut(t *testing.T) {
	var published [][]byte
	a := New(Options{Publish: func(_ string, payload []byte) { published = append(published, payload) }})
	a.Inject(Fault{Kind: Hang})
	call := a.strike(nil)
	a.Heal()
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the call was not dropped")
			}
		}()
		a.hang(httptest.NewRequestWithContext(t.Context(), "POST", "/", nil), call)
	}()
	a.Inject(Fault{Kind: LatePublish})
	late := a.strike(&incoming{single: true})
	a.Heal()
	if a.publish(Row{ChatID: "c1"}, late); len(published) != 1 {
		t.Errorf("%d published after the API was healed, want 1", len(published))
	}
}

func TestControl(t *testing.T) {
	s, c := start(t, Options{Control: true})
	send := func(method, path, body string) int {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	defer http.DefaultClient.CloseIdleConnections()
	if send("POST", "/_control/faults", `{"kind":"status","status":503}`) != 204 || c.Store(t.Context(), message("", "c1", "x")).Status != 503 {
		t.Error("the fault does not strike")
	}
	if send("DELETE", "/_control/faults", "") != 204 || c.Store(t.Context(), message("", "c1", "x")).Status != 200 {
		t.Error("the fault is still there")
	}
	if send("PUT", "/_control/mode?value=old", "") != 204 || c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})[0].Class != nextapi.Missing {
		t.Error("not the old API")
	}
	for path, want := range map[string]int{"/_control/mode?value=new": 400, "/_control/latency?value=x": 400, "/_control/latency?value=1ms": 204} {
		if got := send("PUT", path, ""); got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
	if send("POST", "/_control/faults", "{}") != 400 || send("GET", "/_control/rows?chatId=c1", "") != 200 || send("GET", "/_control/rows", "") != 200 || send("GET", "/_control/stats", "") != 200 {
		t.Error("control routes fail")
	}
	plain, _ := start(t, Options{})
	s = plain
	if send("GET", "/_control/rows", "") != 404 {
		t.Error("control routes without Control")
	}
}
