package standin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"eclipse/internal/nextapi"
)

func TestSecretRoutesDemandTheSecret(t *testing.T) {
	f := start(t)
	f.chat("c1")
	for _, route := range [][2]string{
		{"POST", "/api/internal/messages/batch"}, {"POST", "/api/chats/c1/messages/send"}, {"GET", "/api/users/user_ada"},
		{"GET", "/api/internal/chats/c1/messages"}, {"POST", "/api/internal/messages/after"},
	} {
		for _, given := range []string{"", "wrong", internalSecret + "x", internalSecret[1:]} {
			status, answer, _ := f.do(route[0], route[1], `{"content":"x","role":"USER","userId":"anon_1"}`, "X-Internal-Secret", given)
			if status != 401 || answer != `{"error":"Unauthorized"}` {
				t.Errorf("%v with %q: %d %s", route, given, status, answer)
			}
		}
	}
	if n := len(f.history("c1", "")); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestSend(t *testing.T) {
	f := start(t)
	f.chat("c1")
	status, answer := f.secret("POST", "/api/chats/c1/messages/send", `{"content":"\u00a0 <Hi> \ufeff\n","role":"USER","userId":"anon_7","id":"mine","more":1}`)
	var got struct {
		Success bool
		Message message
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != 200 || !got.Success {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	if !strings.HasPrefix(got.Message.ID, "msg_") || strings.Contains(answer, "mine") {
		t.Errorf("the id was not minted: %s", answer)
	}
	want := `{"message":{"id":"` + got.Message.ID + `","content":"<Hi>","role":"USER","createdAt":"2026-01-02T03:04:05.678Z",` +
		`"sender":{"id":"user_anonymous","name":"Anonymous","email":null,"avatar":null}},"success":true}`
	if answer != want {
		t.Errorf("got  %s\nwant %s", answer, want)
	}

	_, answer = f.secret("POST", "/api/chats/c1/messages/send", `{"content":"At your service","role":"AGENT","userId":"user_ada"}`)
	if !strings.Contains(answer, `"sender":{"id":"user_ada","name":"Ada Agent","email":"ada@example.com","avatar":null}`) {
		t.Errorf("the agent's answer: %s", answer)
	}
}

func TestSendRefuses(t *testing.T) {
	f := start(t)
	f.chat("c1")
	for _, tc := range []struct {
		chat, body string
		status     int
		text       string
	}{
		{"c1", `{"content":" \n\ufeff","role":"USER","userId":"u"}`, 400, "Message content is required"},
		{"c1", `{"role":"USER","userId":"u"}`, 400, "Message content is required"},
		{"c1", `{"content":"x","role":"user","userId":"u"}`, 400, "Valid role is required"},
		{"c1", `{"content":"x","role":"USER"}`, 400, "userId is required"},
		{"c1", `{"content":7}`, 400, "not valid JSON"},
		{"c1", `{"content":`, 400, "not valid JSON"},
		{"c1", `{"content":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too large"},
		{"unknown", `{"content":"x","role":"USER","userId":"u"}`, 404, "Chat not found"},
		{"..%2f..%2fusers", `{"content":"x","role":"USER","userId":"u"}`, 404, "Chat not found"},
	} {
		status, answer := f.secret("POST", "/api/chats/"+tc.chat+"/messages/send", tc.body)
		if status != tc.status || !strings.HasPrefix(answer, `{"error":"`) || !strings.Contains(answer, tc.text) {
			t.Errorf("%s %.50s: %d %s", tc.chat, tc.body, status, answer)
		}
	}
	if n := len(f.history("c1", "")); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestBatchIsIdempotent(t *testing.T) {
	f := start(t)
	f.chat("c1", "c2")
	first := f.batch(item("a", "c1", "one"), item("b", "c2", "two"), item("a", "c1", "other text"))
	if got := statuses(first); !slices.Equal(got, []int{201, 201, 200}) {
		t.Fatalf("statuses %v", got)
	}
	want := message{ID: "a", Content: "one", Role: "USER", CreatedAt: "2026-01-01T00:00:00.123Z", Sender: first[0].Message.Sender}
	if *first[0].Message != want || want.Sender.ID != anonymousID {
		t.Errorf("got %+v", first[0].Message)
	}
	again := f.batch(item("a", "c1", "changed"), item("c", "c1", "three"))
	if got := statuses(again); !slices.Equal(got, []int{200, 201}) || again[0].Message.Content != "one" {
		t.Errorf("the repeat: %v %+v", got, again[0].Message)
	}
	if got := contents(f.history("c1", "")); got != "one,three" {
		t.Errorf("stored %s", got)
	}
	if got := f.batch(item("a", "c2", "theirs")); got[0].Status != 409 || got[0].Message != nil {
		t.Errorf("another chat's id: %+v", got)
	}
}

func TestBatchJudgesEachItem(t *testing.T) {
	f := start(t)
	f.chat("c1")
	with := func(change func(*batchItem)) batchItem {
		i := item("x", "c1", "x")
		change(&i)
		return i
	}
	got := f.batch(
		item("first", "c1", "first"),
		with(func(i *batchItem) { i.ID = "" }),
		with(func(i *batchItem) { i.ID = strings.Repeat("i", maxID+1) }),
		with(func(i *batchItem) { i.Content = " " }),
		with(func(i *batchItem) { i.Role = "ADMIN" }),
		with(func(i *batchItem) { i.UserID = "" }),
		with(func(i *batchItem) { i.SentAt = "yesterday" }),
		with(func(i *batchItem) { i.ChatID = "unknown" }),
		with(func(i *batchItem) { i.ChatID = "../c1" }),
		item("last", "c1", "  last\u0000 "),
	)
	if s := statuses(got); !slices.Equal(s, []int{201, 400, 400, 400, 400, 400, 400, 404, 404, 201}) {
		t.Fatalf("statuses %v", s)
	}
	for _, r := range got[1:9] {
		if r.Error == "" || r.Message != nil {
			t.Errorf("refused without a word: %+v", r)
		}
	}
	if got := contents(f.history("c1", "")); got != "first,  last\u0000 " {
		t.Errorf("stored %q", got)
	}
	if status, answer := f.secret("POST", "/api/internal/messages/batch", `{"messages":[]}`); status != 200 || answer != `{"results":[]}` {
		t.Errorf("empty batch: %d %s", status, answer)
	}
	for body, want := range map[string]int{
		`{"messages":7}`: 400, `nonsense`: 400, `{"messages":[{"content":7}]}`: 400,
		`{"messages":[` + strings.Repeat("{},", maxBatch) + `{}]}`: 413, `{"x":"` + strings.Repeat("x", maxBatchBody) + `"}`: 413,
	} {
		if status, answer := f.secret("POST", "/api/internal/messages/batch", body); status != want || !strings.HasPrefix(answer, `{"error":"`) {
			t.Errorf("%.40s: %d %s", body, status, answer)
		}
	}
}

// A trigger makes the database itself fail for one message.
func TestAfterAFailureTheChatWaits(t *testing.T) {
	f := start(t)
	f.chat("c1", "c2")
	exec := func(text string) {
		t.Helper()
		if _, err := f.store.db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TRIGGER broken BEFORE INSERT ON messages WHEN NEW.id = 'c1-2' BEGIN SELECT RAISE(ABORT, 'disk trouble'); END`)
	items := []batchItem{
		item("c1-1", "c1", content), item("c2-1", "c2", "1"), item("c1-2", "c1", content), item("c2-2", "c2", "2"), item("c1-3", "c1", content),
	}
	if got := statuses(f.batch(items...)); !slices.Equal(got, []int{201, 201, 503, 201, 424}) {
		t.Fatalf("statuses %v", got)
	}
	if n := len(f.history("c1", "")); n != 1 {
		t.Errorf("c1 has %d messages", n)
	}
	exec(`DROP TRIGGER broken`)
	if got := statuses(f.batch(items...)); !slices.Equal(got, []int{200, 200, 201, 200, 201}) {
		t.Errorf("tried again: %v", got)
	}
	var ids []string
	for _, m := range f.history("c1", "") {
		ids = append(ids, m.ID)
	}
	if fmt.Sprint(ids) != "[c1-1 c1-2 c1-3]" {
		t.Errorf("order %v", ids)
	}
	if !strings.Contains(f.logs.String(), "disk trouble") {
		t.Errorf("the failure is not in the log: %s", f.logs)
	}
}

func TestUsers(t *testing.T) {
	f := start(t)
	f.get("/api/ws/token?chatId=c1&as=visitor&name=J%C3%BCrgen", &struct{}{})
	for id, want := range map[string]string{
		"user_ada":           `{"id":"user_ada","name":"Ada Agent","email":"ada@example.com","image":null}`,
		customerID("Jürgen"): `{"id":"` + customerID("Jürgen") + `","name":"Jürgen","email":null,"image":null}`,
		"anon_1":             `{"error":"User not found"}`,
		"..%2fusers":         `{"error":"User not found"}`,
	} {
		if _, answer := f.secret("GET", "/api/users/"+id, ""); answer != want {
			t.Errorf("%s: %s", id, answer)
		}
	}
}

func TestHistoryForTheRouter(t *testing.T) {
	f := start(t)
	f.chat("c1", "c2")
	f.batch(item("a", "c1", "1"), item("x", "c2", "x"), item("b", "c1", "2"), item("c", "c1", "3"))
	status, answer := f.secret("GET", "/api/internal/chats/c1/messages?after=a&limit=1", "")
	want := `{"messages":[{"id":"b","content":"2","role":"USER","createdAt":"2026-01-01T00:00:00.123Z","sender":{"id":"user_anonymous","name":"Anonymous","email":null,"avatar":null}}]}`
	if status != 200 || answer != want {
		t.Errorf("%d %s", status, answer)
	}
	for path, want := range map[string]string{
		"c1/messages?after=x": `{"error":"Message not found"}`, "nochat/messages": `{"error":"Chat not found"}`, "c1/messages?after=c": `{"messages":[]}`,
	} {
		if _, answer := f.secret("GET", "/api/internal/chats/"+path, ""); answer != want {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

func TestHistoryOfManyChatsForTheRouter(t *testing.T) {
	f := start(t)
	f.chat("c1", "c2")
	f.batch(item("a", "c1", "1"), item("x", "c2", "x"), item("b", "c1", "2"), item("y", "c2", "y"))
	c, err := nextapi.New(nextapi.Options{BaseURL: f.http.URL, Secret: internalSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	found, r := c.AfterEach(t.Context(), []nextapi.Question{{ChatID: "c1", After: "a"}, {ChatID: "c1", After: "x"}, {ChatID: "nochat"}, {ChatID: "c2"}}, 9)
	if r.Class != nextapi.Stored {
		t.Fatalf("%+v", r)
	}
	var got []string
	for _, h := range found {
		text := fmt.Sprint(h.Known)
		for _, row := range h.Rows {
			text += " " + row.ID
		}
		got = append(got, text)
	}
	if want := []string{"true b", "false", "false", "true y"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if status, _ := f.secret("POST", "/api/internal/messages/after", `{"chats":[]}`); status != 400 {
		t.Errorf("without a limit: %d", status)
	}
}
