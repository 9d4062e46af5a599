package nextapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "internal-secret-of-the-tests-0123456789"

var sentAt = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600))

func message(id, chat string) Message {
	return Message{ID: id, ChatID: chat, Content: "Hello <b>\n\"you\"\u2028", Role: "USER", UserID: "anon_1", ClientMessageID: "c" + id, SentAt: sentAt}
}

func stored(id string) string {
	return `{"id":"` + id + `","content":"Hello","role":"USER","createdAt":"2026-01-02T02:04:05.678Z",` +
		`"sender":{"id":"u","name":null,"email":null,"avatar":null},"extra":[1,{"id":"not this"}]}`
}

func batchOf(items ...string) string { return `{"results":[` + strings.Join(items, ",") + `]}` }

func itemStored(id string) string { return `{"status":201,"message":` + stored(id) + `}` }

// reply answers every call the same way.
func reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// against starts a server and a client for it.
func against(t testing.TB, h http.Handler, change ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, change...)
}

func clientOf(t testing.TB, address string, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{BaseURL: address, Secret: secret}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
