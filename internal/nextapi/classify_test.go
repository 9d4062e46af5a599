package nextapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const htmlPage = "<!DOCTYPE html><html><body><h1>404</h1>This page could not be found.</body></html>"

// What a whole call answers, and what each route makes of it.
var calls = []struct {
	name                string
	status              int
	body                string
	header              []string
	single, batch, user Class
}{
	{"html 404", 404, htmlPage, nil, Retry, Missing, Retry},
	{"plain 404 of the platform", 404, "The page could not be found\n\nNOT_FOUND\n", nil, Retry, Missing, Retry},
	{"404 whose error is an object", 404, `{"error":{"code":"404","message":"NOT_FOUND"}}`, nil, Retry, Missing, Retry},
	{"own 404", 404, `{"error":"Chat not found"}`, nil, Rejected, Rejected, Rejected},
	{"own 400", 400, `{"error":"Valid role is required"}`, nil, Rejected, Rejected, Rejected},
	{"400 of a proxy", 400, "Bad Request", nil, Retry, Retry, Retry},
	{"own 409", 409, `{"error":"taken"}`, nil, Rejected, Rejected, Rejected},
	{"own 413", 413, `{"error":"too large"}`, nil, Rejected, Rejected, Rejected},
	{"413 of the platform", 413, "FUNCTION_PAYLOAD_TOO_LARGE", nil, Retry, Retry, Retry},
	{"own 422", 422, `{"error":"no"}`, nil, Rejected, Rejected, Rejected},
	{"405", 405, "", nil, Retry, Missing, Retry},
	{"501", 501, `{"error":"no"}`, nil, Retry, Missing, Retry},
	{"401", 401, `{"error":"Unauthorized"}`, nil, Denied, Denied, Denied},
	{"403", 403, "", nil, Denied, Denied, Denied},
	{"408", 408, "", nil, Retry, Retry, Retry},
	{"425", 425, "", nil, Retry, Retry, Retry},
	{"429", 429, `{"error":"slow down"}`, nil, Retry, Retry, Retry},
	{"418 of somebody", 418, `{"error":"teapot"}`, nil, Retry, Retry, Retry},
	{"redirect", 307, "", []string{"Location", "/elsewhere"}, Retry, Retry, Retry},
	{"500", 500, `{"error":"Failed","details":"x"}`, nil, Ambiguous, Ambiguous, Ambiguous},
	{"503", 503, "", nil, Ambiguous, Ambiguous, Ambiguous},
	{"503 before the handler", 503, "", []string{"X-Vercel-Error", "FUNCTION_THROTTLED"}, Retry, Retry, Retry},
	{"504", 504, "FUNCTION_INVOCATION_TIMEOUT", nil, Ambiguous, Ambiguous, Ambiguous},
	{"204", 204, "", nil, Ambiguous, Ambiguous, Ambiguous},
	{"empty 200", 200, "", nil, Ambiguous, Ambiguous, Ambiguous},
	{"html 200", 200, htmlPage, nil, Ambiguous, Ambiguous, Ambiguous},
	{"null", 200, "null", nil, Ambiguous, Ambiguous, Ambiguous},
	{"two objects", 200, `{"success":true,"id":"u","message":{"id":"a"},"results":[{"status":201,"message":{"id":"a"}}]}{}`, nil, Ambiguous, Ambiguous, Ambiguous},
	{"all three shapes", 200, `{"success":true,"id":"u","message":{"id":"a"},"results":[{"status":200,"message":{"id":"a"}}]} `, nil, Stored, Stored, Stored},
}

func TestClassOfACall(t *testing.T) {
	for _, tc := range calls {
		t.Run(tc.name, func(t *testing.T) {
			c := against(t, reply(tc.status, tc.body, tc.header...))
			single := c.Store(t.Context(), message("a", "chat"))
			batch := c.StoreBatch(t.Context(), []Message{message("a", "chat")})
			_, user := c.User(t.Context(), "u")
			for _, got := range []struct {
				route string
				r     Result
				want  Class
			}{{"single", single, tc.single}, {"batch", batch[0], tc.batch}, {"user", user, tc.user}} {
				if got.r.Class != got.want || got.r.Status != tc.status {
					t.Errorf("%s: %+v, want class %d and status %d", got.route, got.r, got.want, tc.status)
				}
				if final := got.r.Class == Stored || got.r.Class == Rejected; final == (got.r.Err != nil) {
					t.Errorf("%s: class %d with error %v", got.route, got.r.Class, got.r.Err)
				}
				if (got.r.Reason != "") != (got.r.Class == Rejected) {
					t.Errorf("%s: class %d with reason %q", got.route, got.r.Class, got.r.Reason)
				}
			}
		})
	}
}

func TestClassOfAnItem(t *testing.T) {
	for _, tc := range []struct {
		name, item string
		want       Class
		status     int
	}{
		{"new", itemStored("a"), Stored, 201},
		{"repeat", `{"status":200,"message":` + stored("a") + `,"error":null}`, Stored, 200},
		{"escaped id", `{"status":200,"message":{"\u0069d":"\u0061"}}`, Stored, 200},
		{"another id", itemStored("b"), Ambiguous, 201},
		{"no message", `{"status":201}`, Ambiguous, 201},
		{"null message", `{"status":201,"message":null}`, Ambiguous, 201},
		{"id no string", `{"status":201,"message":{"id":7}}`, Ambiguous, 201},
		{"after a failure", `{"status":424,"error":"An earlier message of this chat failed"}`, Retry, 424},
		{"424 without error", `{"status":424}`, Retry, 424},
		{"408", `{"status":408}`, Retry, 408},
		{"425", `{"status":425}`, Retry, 425},
		{"429", `{"status":429}`, Retry, 429},
		{"400", `{"status":400,"error":"no content"}`, Rejected, 400},
		{"404", `{"error":"Chat not found","status":404}`, Rejected, 404},
		{"409", `{"status":409,"error":"x"}`, Rejected, 409},
		{"413", `{"status":413,"error":"x"}`, Rejected, 413},
		{"422", `{"status":422,"error":"x"}`, Rejected, 422},
		{"400 without error", `{"status":400}`, Ambiguous, 400},
		{"401", `{"status":401,"error":"x"}`, Denied, 401},
		{"403", `{"status":403}`, Denied, 403},
		{"500", `{"status":500,"error":"x"}`, Ambiguous, 500},
		{"503", `{"status":503,"error":"x"}`, Ambiguous, 503},
		{"501", `{"status":501,"error":"x"}`, Ambiguous, 501},
		{"no status", `{"message":` + stored("a") + `}`, Ambiguous, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := against(t, reply(200, batchOf(itemStored("0"), tc.item, itemStored("z"))))
			got := c.StoreBatch(t.Context(), []Message{message("0", "x"), message("a", "chat"), message("z", "y")})
			if got[1].Class != tc.want || got[1].Status != tc.status {
				t.Errorf("got %+v, want class %d", got[1], tc.want)
			}
			for _, other := range []int{0, 2} {
				if got[other].Class != Stored {
					t.Errorf("the neighbour %d got %+v", other, got[other])
				}
			}
		})
	}
}

func TestWrongBatchAnswerIsAmbiguousForAll(t *testing.T) {
	for name, body := range map[string]string{
		"too short":         batchOf(itemStored("a")),
		"too long":          batchOf(itemStored("a"), itemStored("b"), itemStored("c")),
		"no results":        `{}`,
		"results an object": `{"results":{}}`,
		"item no object":    batchOf(itemStored("a"), `"b"`),
		"status a string":   batchOf(itemStored("a"), `{"status":"201","message":{"id":"b"}}`),
		"status negative":   batchOf(itemStored("a"), `{"status":-1}`),
		"cut":               batchOf(itemStored("a"), itemStored("b"))[:300],
		"duplicate names":   batchOf(itemStored("a"), `{"status":201,"status":404,"message":{"id":"b"}}`),
		"not UTF-8":         batchOf(itemStored("a"), `{"status":201,"message":{"id":"b","content":"`+"\xff"+`"}}`),
		"results twice":     `{"results":[],"results":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, reply(200, body))
			for i, r := range c.StoreBatch(t.Context(), []Message{message("a", "x"), message("b", "y")}) {
				if r.Class != Ambiguous || r.Data != nil || r.ID != "" || !errors.Is(r.Err, ErrAnswer) {
					t.Errorf("item %d: %+v", i, r)
				}
			}
		})
	}
}

func TestSingleNeedsSuccess(t *testing.T) {
	for _, body := range []string{`{"success":false,"message":{"id":"a"}}`, `{"success":true,"message":{"id":""}}`, `{"success":true}`, `{"success":true,"message":[]}`} {
		c := against(t, reply(200, body))
		if r := c.Store(t.Context(), message("", "chat")); r.Class != Ambiguous || !errors.Is(r.Err, ErrAnswer) {
			t.Errorf("%s: %+v", body, r)
		}
	}
}

func TestReasonIsBounded(t *testing.T) {
	c := against(t, reply(400, `{"error":"`+strings.Repeat("ä", 5000)+`"}`))
	r := c.Store(t.Context(), message("", "chat"))
	if r.Class != Rejected || len(r.Reason) != maxReason {
		t.Errorf("class %d, reason of %d bytes", r.Class, len(r.Reason))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, " 7 ": 7 * time.Second, "300": MaxRetryAfter, "301": MaxRetryAfter, "4294967295": MaxRetryAfter,
		"99999999999999999999": 0, "-3": 0, "1.5": 0, "soon": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(time.Hour).Format(http.TimeFormat):        MaxRetryAfter,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
	c := against(t, reply(503, "", "Retry-After", "3"))
	if r := c.StoreBatch(t.Context(), []Message{message("a", "x")}); r[0].RetryAfter != 3*time.Second {
		t.Errorf("got %+v", r[0])
	}
}
