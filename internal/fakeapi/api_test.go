package fakeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"eclipse/internal/nextapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "internal-secret-of-the-tests-0123456789"

var clock = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// publications records what was published.
type publications struct {
	mu   sync.Mutex
	list []string
}

func (p *publications) publish(channel string, payload []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, channel+" "+string(payload))
}

func (p *publications) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// start runs a double and the router's own client for it.
func start(t *testing.T, o Options) (*Server, *nextapi.Client) {
	t.Helper()
	o.Secret, o.Now = secret, func() time.Time { return clock }
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c, err := nextapi.New(nextapi.Options{BaseURL: s.URL, Secret: secret, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return s, c
}

func message(id, chat, content string) nextapi.Message {
	return nextapi.Message{ID: id, ChatID: chat, Content: content, Role: "USER", UserID: "anon_1", ClientMessageID: "c-" + id, SentAt: clock.Add(-time.Hour)}
}

func classes(results []nextapi.Result) string {
	list := make([]string, len(results))
	for i, r := range results {
		list[i] = fmt.Sprintf("%d/%d", r.Class, r.Status)
	}
	return strings.Join(list, " ")
}

func contents(rows []Row) string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.Content
	}
	return strings.Join(list, ",")
}

func TestBatchMode(t *testing.T) {
	var published publications
	s, c := start(t, Options{Publish: published.publish, Chats: []string{"c1", "c2"}})
	got := c.StoreBatch(t.Context(), []nextapi.Message{
		message("a", "c1", "1"), message("b", "c2", " 2 "), message("a", "c1", "changed"), message("x", "nochat", "x"), message("y", "c1", " "), message("a", "c2", "theirs"),
	})
	if want := "0/201 0/201 0/200 1/404 1/400 1/409"; classes(got) != want {
		t.Fatalf("%s, want %s", classes(got), want)
	}
	if want := `{"id":"a","content":"1","role":"USER","createdAt":"2026-01-02T02:04:05.678Z","sender":{"id":"user_anonymous","name":"Anonymous","email":null,"avatar":null}}`; string(got[2].Data) != want {
		t.Errorf("got  %s\nwant %s", got[2].Data, want)
	}
	rows := s.Rows()
	if want := (Row{Seq: 1, ID: "a", ChatID: "c1", Content: "1", Role: "USER", UserID: "anon_1", ClientMessageID: "c-a", CreatedAt: clock.Add(-time.Hour)}); rows[0] != want || len(rows) != 2 || rows[1].Content != " 2 " {
		t.Errorf("rows %+v", rows)
	}
	if n := len(published.all()); n != 0 {
		t.Errorf("the batch route published %d messages", n)
	}
	stats := s.Stats()
	if stats.BatchCalls != 1 || stats.BatchSizes[6] != 1 || stats.Rows != 2 || stats.Repeats != 2 || stats.MaxPerChat != 1 {
		t.Errorf("stats %+v", stats)
	}
}

func TestOldModePublishesBeforeItAnswers(t *testing.T) {
	var s *Server
	var published publications
	s, c := start(t, Options{Mode: Old, Publish: func(channel string, payload []byte) {
		published.publish(channel, payload)
		if len(s.RowsOf("c1")) != 1 {
			t.Error("published before it was stored")
		}
	}})
	if got := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x"), message("b", "c1", "y")}); classes(got) != "5/404 5/404" {
		t.Errorf("the batch route: %s", classes(got))
	}
	m := message("mine", "c1", "  Hi  ")
	m.UserID, m.Role = "u1", "AGENT"
	got := c.Store(t.Context(), m)
	if got.Class != nextapi.Stored || got.ID == "mine" || got.ID == "" {
		t.Fatalf("got %+v", got)
	}
	want := `chat:c1 {"type":"message","data":{"id":"` + got.ID + `","content":"Hi","role":"agent","timestamp":"2026-01-02T03:04:05.678Z",` +
		`"sender":{"id":"u1","name":"User u1","email":"u1@example.com","avatar":null}},"timestamp":"2026-01-02T03:04:05.678Z"}`
	if all := published.all(); len(all) != 1 || all[0] != want {
		t.Errorf("published %q\nwant %s", all, want)
	}
	if stats := s.Stats(); stats.MissingCalls != 1 || stats.SingleCalls != 1 || stats.BatchCalls != 0 {
		t.Errorf("stats %+v", stats)
	}
	s.SetMode(Batch)
	if got := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")}); classes(got) != "0/201" {
		t.Errorf("after the new API was deployed: %s", classes(got))
	}
}

func TestSecretAndUsers(t *testing.T) {
	s, c := start(t, Options{Users: map[string]User{"u1": {ID: "u1", Name: "Jo"}}})
	if u, r := c.User(t.Context(), "u1"); u != (nextapi.User{ID: "u1", Name: "Jo"}) || r.Class != nextapi.Stored {
		t.Errorf("%+v %+v", u, r)
	}
	for _, id := range []string{"u2", "anon_1"} {
		if _, r := c.User(t.Context(), id); r.Class != nextapi.Rejected || r.Status != 404 {
			t.Errorf("%s: %+v", id, r)
		}
	}
	stranger, err := nextapi.New(nextapi.Options{BaseURL: s.URL, Secret: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	_, user := stranger.User(t.Context(), "u1")
	for _, r := range append(stranger.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")}), stranger.Store(t.Context(), message("", "c1", "x")), user) {
		if r.Class != nextapi.Denied {
			t.Errorf("got %+v", r)
		}
	}
	if stats := s.Stats(); stats.Unauthorized != 3 || stats.Rows != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestLatencyAndForget(t *testing.T) {
	s, c := start(t, Options{Forget: true})
	s.SetLatency(30 * time.Millisecond)
	began := time.Now()
	for range 2 {
		if r := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")}); classes(r) != "0/201" {
			t.Errorf("got %s", classes(r))
		}
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("two calls took %v", took)
	}
	if rows, stats := s.Rows(), s.Stats(); len(rows) != 0 || stats.Rows != 2 {
		t.Errorf("kept %d rows, counted %d", len(rows), stats.Rows)
	}
}

func TestCallsPerChatAreCounted(t *testing.T) {
	s, c := start(t, Options{Latency: 50 * time.Millisecond})
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() { c.Store(t.Context(), message("", "same", "x")) })
		group.Go(func() { c.Store(t.Context(), message("", fmt.Sprint("c", i), "x")) })
	}
	group.Wait()
	if n := s.Stats().MaxPerChat; n < 2 || n > 3 {
		t.Errorf("MaxPerChat is %d", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.busy) != 0 {
		t.Errorf("still busy: %v", s.busy)
	}
}

func TestComesBackOnTheSameAddress(t *testing.T) {
	s, c := start(t, Options{})
	first := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})
	s.Close()
	down := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})
	if classes(down) == "3/0" { // on the connection that was closed under it; the next call finds none
		down = c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})
	}
	again, err := Listen(s.Address(), s.API)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	back := c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "x")})
	if classes(first) != "0/201" || classes(down) != "2/0" || classes(back) != "0/200" {
		t.Errorf("%s, %s, %s", classes(first), classes(down), classes(back))
	}
}

func TestHistory(t *testing.T) {
	s, c := start(t, Options{})
	c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "1"), message("x", "c2", "x"), message("b", "c1", "2"), message("c", "c1", "3")})
	for query, want := range map[string]string{"": "a b c", "?after=a": "b c", "?after=a&limit=1": "b", "?limit=2": "b c"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/internal/chats/c1/messages"+query, nil)
		r.Header.Set("X-Internal-Secret", secret)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Messages []struct{ ID string } }
		if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		ids := make([]string, len(got.Messages))
		for i, m := range got.Messages {
			ids[i] = m.ID
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%q: %v, want %s", query, ids, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHistoryOfManyChats(t *testing.T) {
	_, c := start(t, Options{})
	c.StoreBatch(t.Context(), []nextapi.Message{message("a", "c1", "1"), message("x", "c2", "x"), message("b", "c1", "2"), message("y", "c2", "y")})
	found, r := c.AfterEach(t.Context(), []nextapi.Question{{ChatID: "c1", After: "a"}, {ChatID: "c1", After: "x"}, {ChatID: "c2"}}, 9)
	if r.Class != nextapi.Stored || len(found) != 3 || found[1].Known {
		t.Fatalf("%+v, %+v", r, found)
	}
	if a, b := found[0].Rows, found[2].Rows; len(a) != 1 || a[0].ID != "b" || len(b) != 1 || b[0].ID != "y" {
		t.Errorf("after a message %+v, the latest %+v", a, b)
	}
	_, old := start(t, Options{Mode: Old, History: true})
	if _, r := old.AfterEach(t.Context(), make([]nextapi.Question, 2), 9); r.Class != nextapi.Missing {
		t.Errorf("the old API: %+v", r)
	}
}

func TestHistoryOfTheOldAPI(t *testing.T) {
	for _, has := range []bool{false, true} {
		s, c := start(t, Options{Mode: Old, History: has})
		first := c.Store(t.Context(), message("", "c1", "1"))
		c.Store(t.Context(), message("", "c1", "2"))
		rows, r := c.After(t.Context(), "c1", first.ID, 10)
		if has && (r.Class != nextapi.Stored || len(rows) != 1) || !has && r.Class != nextapi.Missing {
			t.Errorf("history %v: %d rows, %+v", has, len(rows), r)
		}
		if _, r := c.After(t.Context(), "c1", "nobody", 10); has && r.Status != 404 {
			t.Errorf("after an unknown message: %+v", r)
		}
		if n := s.Stats().HistoryCalls; has && n != 2 || !has && n != 0 {
			t.Errorf("history %v: %d calls", has, n)
		}
	}
}

func TestBadBodies(t *testing.T) {
	s, _ := start(t, Options{})
	for path, bodies := range map[string][]string{
		"/api/internal/messages/batch": {"", "[]", `{}`, `{"messages":7}`, `{"messages":[7]}`, `{"messages":[{"id":"a"}`, `{"messages":[{"sentAt":"soon"}]}`},
		"/api/chats/c1/messages/send":  {"", "[]", `{"content":"x"`, `{"content":7,"role":"USER"}`, `{"content":"x","role":"user"}`},
	} {
		for _, body := range bodies {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+path, strings.NewReader(body))
			r.Header.Set("X-Internal-Secret", secret)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != 400 || !strings.HasPrefix(string(text), `{"error":"`) {
				t.Errorf("%s %s: %d %s", path, body, response.StatusCode, text)
			}
		}
	}
	if n := s.Stats().Rows; n != 0 {
		t.Errorf("%d rows", n)
	}
	http.DefaultClient.CloseIdleConnections()
}
