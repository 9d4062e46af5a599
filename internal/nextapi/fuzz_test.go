package nextapi

import (
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func FuzzReadBatch(f *testing.F) {
	for _, seed := range []string{
		batchOf(itemStored("a"), itemStored("b")), batchOf(itemStored("a"), `{"status":404,"error":"x"}`), batchOf(), `{"results":[{},{}]}`,
		`{"results":[{"status":201,"message":{"id":"\ud800"}},{"status":1e2}]} `, `{"x":[[[{"results":[]}]]],"results":[{"status":200,"message":{"id":"a","id":"b"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	messages := []Message{{ID: "a"}, {ID: "b"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		results := make([]Result, 2)
		if err := readBatch(body, messages, results); err != nil {
			return
		}
		var plain struct {
			Results []struct {
				Status  int            `json:"status"`
				Message jsontext.Value `json:"message"`
			} `json:"results"`
		}
		if err := json.Unmarshal(body, &plain, lenient...); err != nil || len(plain.Results) != 2 {
			t.Fatalf("accepted what a full decoder reads as %d results, %v", len(plain.Results), err)
		}
		for i, r := range results {
			if r.Class == Missing || r.Class == Stored && (r.ID != messages[i].ID || string(r.Data) != string(plain.Results[i].Message)) {
				t.Fatalf("item %d: %+v of %s", i, r, plain.Results[i].Message)
			}
		}
	})
}

func FuzzReadSingle(f *testing.F) {
	for _, seed := range []string{
		`{"success":true,"message":` + stored("a") + `}`, `{"success":false,"message":{"id":"a"}}`, `{"error":"x"}`, `{"id":"u","name":null}`, ` { "message" : { "id" : "\u0061" } } `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if data, id, err := readSingle(body); err == nil {
			var m struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(data, &m, lenient...); err != nil || id == "" {
				t.Fatalf("stored %q with id %q: %v", data, id, err)
			}
		}
		if u, err := readUser(body); err == nil && (u.ID == "" || !jsontext.Value(body).IsValid(lenient...)) {
			t.Fatalf("user %+v of %q", u, body)
		}
		if reason, ours := readError(body); ours && (len(reason) > maxReason || !utf8.ValidString(reason) || !jsontext.Value(body).IsValid(lenient...)) {
			t.Fatalf("reason %q of %q", reason, body)
		}
	})
}
