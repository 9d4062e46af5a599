package wire

import (
	"strings"
	"testing"
	"time"
)

func TestNotices(t *testing.T) {
	for _, n := range []Notice{
		{Type: TypeOutboxQueued},
		{Type: TypeOutboxQueued, Origin: "i1"},
		{Type: TypeOutboxQueued, Origin: "i1", Epoch: "0195a1b2c3d4"},
		{Type: TypeOutboxQueued, Origin: "i1", Epoch: "0195a1b2c3d4", Again: true},
		{Type: TypeOutboxStored, Key: "c:u:ada:k1", ID: "cm1"},
		{Type: TypeOutboxFailed, Key: `c:anon:"k`, Code: APIRejected},
	} {
		p, err := ParsePayload(n.Encode(), "c1")
		if err != nil || !p.Ephemeral || p.Notice != n || p.Body != nil {
			t.Errorf("%s: got %+v, %v", n.Encode(), p, err)
		}
		if got := NoticeEpoch(n.Encode()); got != n.Epoch {
			t.Errorf("%s: the epoch %q", n.Encode(), got)
		}
	}
	for _, other := range []string{"", `{}`, `{"type":"typing","epoch":"e"}`, `{"type":"outbox_queued","epoch":7}`} {
		if got := NoticeEpoch([]byte(other)); got != "" {
			t.Errorf("%s: the epoch %q", other, got)
		}
	}
	for _, bad := range []string{
		`{"type":"outbox_stored"}`, `{"type":"outbox_stored","key":"k"}`, `{"type":"outbox_stored","id":"i"}`,
		`{"type":"outbox_failed","key":"k"}`, `{"type":"outbox_failed","key":"k","code":"WHO_KNOWS"}`, `{"type":"outbox_stored","key":7,"id":"i"}`,
		`{"type":"outbox_queued","again":"x"}`,
	} {
		if p, err := ParsePayload([]byte(bad), "c1"); err != ErrNotOurs {
			t.Errorf("%s: got %+v, %v", bad, p, err)
		}
	}
}

// A live frame has the same members as the stored one, so that a page cannot tell them apart.
func TestLiveBody(t *testing.T) {
	m := LiveMessage{
		ChatID: "c1", ID: "cm1", Content: "Hi \"you\"\n", Role: RoleUser, ClientMessageID: "k1",
		Author: Author{ID: "u1", Name: "Ada", Email: "ada@example.com"}, SentAt: now.Add(-100 * time.Millisecond),
	}
	live := m.Body(now)
	api := `{"id":"cm1","content":"Hi \"you\"\n","role":"USER","createdAt":"` + Timestamp(m.SentAt) + `","sender":{"id":"u1","name":"Ada","email":"ada@example.com","avatar":null}}`
	stored, err := MessageBody("c1", []byte(api), "k1", now)
	if err != nil || string(stored.Body) != string(live) {
		t.Errorf("%v\n live %s\nstored %s", err, live, stored.Body)
	}
	m.ClientMessageID, m.Author = "", Author{ID: "anon_1"}
	if got := string(m.Body(now)); strings.Contains(got, "clientMessageId") || !strings.Contains(got, `"sender":{"id":"anon_1","name":null,"email":null,"avatar":null}`) {
		t.Errorf("got %s", got)
	}
	said, ok := SaidIn(live)
	if !ok || said != (Said{"Hi \"you\"\n", RoleUser}) {
		t.Errorf("said %+v, %v", said, ok)
	}
	if at, ok := MadeAt(live); !ok || !at.Equal(now.UTC().Truncate(time.Millisecond)) {
		t.Errorf("made at %v, %v", at, ok)
	}
	if at, ok := SentAt(live); !ok || !at.Equal(m.SentAt.Truncate(time.Millisecond)) {
		t.Errorf("sent at %v, %v", at, ok)
	}
}

func TestFailures(t *testing.T) {
	frame := MessageFailedBody("c1", "k1", "cm1", ChatNotFound, now)
	if !IsFailure(frame) || FailureIn(frame) != ChatNotFound {
		t.Errorf("%s: %v, %s", frame, IsFailure(frame), FailureIn(frame))
	}
	for _, payload := range []string{``, `{}`, `{"data":{"code":"WHO_KNOWS"}}`, `{"data":{"code":7}}`} {
		if code := FailureIn([]byte(payload)); code != APIRejected || IsFailure([]byte(payload)) {
			t.Errorf("%s: %s", payload, code)
		}
	}
}

func TestUnreadableFrames(t *testing.T) {
	for _, payload := range []string{``, `{`, `[]`, `{"type":"typing","data":{}}`, `{"type":"message","data":[]}`, `{"timestamp":"soon"}`, `{"type":"message","data":{"content":7,"timestamp":"soon"}}`} {
		if _, ok := SaidIn([]byte(payload)); ok {
			t.Errorf("%s says something", payload)
		}
		if _, ok := SentAt([]byte(payload)); ok {
			t.Errorf("%s was sent at a time", payload)
		}
		if _, ok := MadeAt([]byte(payload)); ok {
			t.Errorf("%s has a time", payload)
		}
	}
}
