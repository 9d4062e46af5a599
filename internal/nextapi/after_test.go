package nextapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAfter(t *testing.T) {
	const row = `{"id":"m2","content":"<b>","role":"USER","createdAt":"2026-01-02T03:04:05.678Z","x":[1]}`
	for _, c := range []struct {
		status int
		body   string
		want   Class
		rows   int
	}{
		{200, `{"messages":[` + row + `]}`, Stored, 1},
		{200, `{"messages":[]}`, Stored, 0},
		{200, `{"messages":null}`, Ambiguous, 0},
		{200, `{}`, Ambiguous, 0},
		{200, `{"messages":[{"id":"m"}]}`, Ambiguous, 0},
		{200, `{"messages":[{"createdAt":"2026-01-02T03:04:05Z"}]}`, Ambiguous, 0},
		{200, `<html>`, Ambiguous, 0},
		{404, `{"error":"Message not found"}`, Rejected, 0},
		{404, `<html>not found</html>`, Missing, 0},
		{405, ``, Missing, 0},
		{401, `{"error":"Unauthorized"}`, Denied, 0},
		{500, `{"error":"x"}`, Ambiguous, 0},
		{429, ``, Retry, 0},
	} {
		t.Run(fmt.Sprint(c.status, c.body), func(t *testing.T) {
			var asked string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.RequestURI()
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			client, err := New(Options{BaseURL: server.URL, Secret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			rows, r := client.After(t.Context(), "chat-1", "m 1&x", 50)
			if r.Class != c.want || len(rows) != c.rows {
				t.Fatalf("got %v, %d rows", r, len(rows))
			}
			if want := "/api/internal/chats/chat-1/messages?after=m+1%26x&limit=50"; asked != want {
				t.Errorf("asked %s", asked)
			}
			if len(rows) == 1 && (rows[0].ID != "m2" || string(rows[0].Data) != row || !rows[0].CreatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))) {
				t.Errorf("row %+v", rows[0])
			}
		})
	}
	client, err := New(Options{BaseURL: "http://127.0.0.1:1", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if _, r := client.After(t.Context(), "../x", "", 1); r.Class != Rejected {
		t.Errorf("a path that walks: %v", r)
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add([]byte(`{"messages":[{"id":"m2","createdAt":"2026-01-02T03:04:05.678Z"}]}`))
	f.Add([]byte(`{"messages":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := readRows(body)
		for _, r := range rows {
			if err != nil || r.ID == "" || r.CreatedAt.IsZero() || len(r.Data) == 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}

func TestAfterEach(t *testing.T) {
	const row = `{"id":"m2","createdAt":"2026-01-02T03:04:05.678Z"}`
	for _, c := range []struct {
		status int
		body   string
		want   Class
		found  string
	}{
		{200, `{"chats":[{"messages":[` + row + `]},{"error":"Chat not found"},{"messages":[]}]}`, Stored, "[1 true] [0 false] [0 true]"},
		{200, `{"chats":[{"messages":[]},{"messages":[]}]}`, Ambiguous, ""}, // one too few
		{200, `{"chats":[{"messages":[]},{},{"messages":[]}]}`, Ambiguous, ""},
		{200, `{"chats":[{"messages":[{}]},{"messages":[]},{"messages":[]}]}`, Ambiguous, ""},
		{200, `{"chats":null}`, Ambiguous, ""},
		{200, `<html>`, Ambiguous, ""},
		{404, `{"error":"Not found"}`, Rejected, ""},
		{404, `<html>not found</html>`, Missing, ""},
		{405, ``, Missing, ""},
		{500, `{"error":"x"}`, Ambiguous, ""},
	} {
		t.Run(fmt.Sprint(c.status, c.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked, _ := io.ReadAll(r.Body)
				if want := `{"chats":[{"chatId":"c1","after":"m1"},{"chatId":"c2","after":"m9"},{"chatId":"c3"}],"limit":50}`; string(asked) != want {
					t.Errorf("asked %s", asked)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			client, err := New(Options{BaseURL: server.URL, Secret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			found, r := client.AfterEach(t.Context(), []Question{{"c1", "m1"}, {"c2", "m9"}, {"c3", ""}}, 50)
			var got []string
			for _, h := range found {
				got = append(got, fmt.Sprint([]any{len(h.Rows), h.Known}))
			}
			if r.Class != c.want || strings.Join(got, " ") != c.found {
				t.Errorf("got %v, %s", r, got)
			}
		})
	}
}
