package nextapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   Class
	}{
		{"has it", 200, `{"results":[]}`, Stored},
		{"refuses an empty batch", 400, `{"error":"messages is required"}`, Stored},
		{"old API", 404, `<html>not found</html>`, Missing},
		{"method not allowed", 405, ``, Missing},
		{"a login stands before it", 307, ``, Missing},
		{"wrong secret", 401, `{"error":"Unauthorized"}`, Denied},
		{"down", 503, ``, Ambiguous},
		{"somebody else", 200, `<html>hello</html>`, Ambiguous},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				sent = string(b)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			client, err := New(Options{BaseURL: srv.URL, Secret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if got := client.Probe(t.Context()); got.Class != c.want || sent != `{"messages":[]}` {
				t.Errorf("class %v, want %v; sent %s", got.Class, c.want, sent)
			}
		})
	}
}
