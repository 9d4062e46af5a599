package wire

import (
	"encoding/json"
	"testing"
	"time"
)

var (
	now = time.Date(2026, 5, 1, 14, 0, 0, 7_999_999, time.FixedZone("", 2*3600))
	pos = Position{Epoch: "0001777636800000-ab12", Offset: 42}
)

const stamp = "2026-05-01T12:00:00.007Z"

// TestGolden pins the bytes of every frame: clients and other instances depend on them.
func TestGolden(t *testing.T) {
	state := ChatState{
		Position: pos,
		Presence: []Presence{{"user_1", RoleAgent, Online}, {"anon_2", RoleUser, Offline}},
		Read:     []ReadMark{{"user_1", "m1"}},
	}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"connected, old client": {Connected("c1", now, nil), `{"type":"connected","chatId":"c1","timestamp":"` + stamp + `"}`},
		"connected": {Connected("c1", now, &state), `{"type":"connected","chatId":"c1","timestamp":"` + stamp + `",` +
			`"epoch":"0001777636800000-ab12","offset":42,"presence":[{"userId":"user_1","role":"agent","status":"online"},` +
			`{"userId":"anon_2","role":"user","status":"offline"}],"read":[{"userId":"user_1","messageId":"m1"}]}`},
		"connected, empty": {Connected("c1", now, &ChatState{}), `{"type":"connected","chatId":"c1","timestamp":"` + stamp + `",` +
			`"epoch":"","offset":0,"presence":[],"read":[]}`},
		"subscribed": {Subscribed("c1", now, ChatState{Position: pos}), `{"type":"subscribed","chatId":"c1","timestamp":"` + stamp + `",` +
			`"epoch":"0001777636800000-ab12","offset":42,"presence":[],"read":[]}`},
		"unsubscribed":  {Unsubscribed("c1", now), `{"type":"unsubscribed","chatId":"c1","timestamp":"` + stamp + `"}`},
		"authenticated": {Authenticated("c1", now), `{"type":"authenticated","chatId":"c1","timestamp":"` + stamp + `"}`},
		"pong":          {Pong(), `{"type":"pong"}`},
		"error, old client": {ErrorFrame(NewError(RateLimited, ""), false, "c1", "k1"),
			`{"type":"error","error":"Too many frames"}`},
		"error with detail, old client": {ErrorFrame(NewError(MissingField, "role: \"x\""), false, "c1", "k1"),
			`{"type":"error","error":"Missing content or role","message":"role: \"x\""}`},
		"error": {ErrorFrame(&Error{Code: APIUnavailable, Text: TextSendFailed, Detail: "d", Retryable: true, RetryAfter: 1500 * time.Millisecond}, true, "c1", "k1"),
			`{"type":"error","error":"Failed to send message","message":"d","code":"API_UNAVAILABLE","retryable":true,"retryAfterMs":1500,"clientMessageId":"k1","chatId":"c1"}`},
		"error, bare": {ErrorFrame(NewError(UnknownType, ""), true, "", ""),
			`{"type":"error","error":"Unknown message type","code":"UNKNOWN_TYPE","retryable":false}`},
		"ack": {Ack(AckFields{"c1", "k1", "m1", AckStored, pos}),
			`{"type":"ack","chatId":"c1","clientMessageId":"k1","id":"m1","status":"stored","offset":42,"epoch":"0001777636800000-ab12"}`},
		"ack, not logged": {Ack(AckFields{ChatID: "c1", ClientMessageID: "k1", ID: "m1", Status: AckAccepted}),
			`{"type":"ack","chatId":"c1","clientMessageId":"k1","id":"m1","status":"accepted"}`},
		"typing": {Typing(TypingData{UserID: "u\"1", IsTyping: true, ChatID: "c1"}, now),
			`{"type":"typing","data":{"userId":"u\"1","isTyping":true},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"typing, bus": {Typing(TypingData{UserID: "u1", ChatID: "c1", Origin: "i1"}, now),
			`{"type":"typing","data":{"userId":"u1","isTyping":false},"timestamp":"` + stamp + `","chatId":"c1","origin":"i1"}`},
		"presence": {PresenceFrame(Presence{"u1", RoleAgent, Online}, "c1", "", now),
			`{"type":"presence","data":{"userId":"u1","role":"agent","status":"online"},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"read, bus": {ReadFrame(ReadMark{"u1", "m1"}, "c1", "i1", now),
			`{"type":"read","data":{"userId":"u1","messageId":"m1"},"timestamp":"` + stamp + `","chatId":"c1","origin":"i1"}`},
		"presence state": {PresenceState{"i1", true, state.Presence[:1], state.Read}.Encode(),
			`{"type":"presence_state","origin":"i1","want":true,"users":[{"userId":"user_1","role":"agent","status":"online"}],"read":[{"userId":"user_1","messageId":"m1"}]}`},
		"reconnect":             {Reconnect(2500 * time.Millisecond), `{"type":"reconnect","afterMs":2500}`},
		"reconnect in the past": {Reconnect(-time.Second), `{"type":"reconnect","afterMs":0}`},
		"token expiring":        {TokenExpiring("c1", now), `{"type":"token_expiring","expiresAt":"` + stamp + `","chatId":"c1"}`},
		"resumed": {Resumed("c1", true, pos, 3),
			`{"type":"resumed","chatId":"c1","recovered":true,"epoch":"0001777636800000-ab12","offset":42,"count":3}`},
		"message failed": {MessageFailedBody("c1", "k1", "m1", APIRejected, now),
			`{"type":"message_failed","data":{"id":"m1","clientMessageId":"k1","code":"API_REJECTED"},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"agent joined": {AgentJoinedBody("c1", "u1", "Åsa <3", now),
			`{"type":"agent_joined","data":{"agentId":"u1","agentName":"Åsa <3","timestamp":"` + stamp + `"},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"agent without a name": {AgentJoinedBody("c1", "u1", " ", now),
			`{"type":"agent_joined","data":{"agentId":"u1","agentName":"Agent","timestamp":"` + stamp + `"},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"agent named by an address": {AgentJoinedBody("c1", "u1", "a@b.c", now),
			`{"type":"agent_joined","data":{"agentId":"u1","agentName":"Agent","timestamp":"` + stamp + `"},"timestamp":"` + stamp + `","chatId":"c1"}`},
		"sealed": {Seal(MessageFailedBody("c1", "", "m1", Internal, now), pos),
			`{"type":"message_failed","data":{"id":"m1","code":"INTERNAL"},"timestamp":"` + stamp + `","chatId":"c1","offset":42,"epoch":"0001777636800000-ab12"}`},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, c.got, c.want)
		}
		if !json.Valid(c.got) {
			t.Errorf("%s is no JSON: %s", name, c.got)
		}
	}
}

func TestSealKeepsTheBody(t *testing.T) {
	body := AgentJoinedBody("c1", "u1", "Ada", now)
	before := string(body)
	Seal(body, pos)
	Seal(body, Position{"e", 1})
	if string(body) != before {
		t.Errorf("the body became %s", body)
	}
}

func TestTimestamp(t *testing.T) {
	if got := Timestamp(now); got != stamp {
		t.Errorf("got %s, want %s", got, stamp)
	}
}

func TestEveryCodeHasAnAnswer(t *testing.T) {
	codes := []Code{BadFrame, UnknownType, MissingField, ContentTooLong, RoleForbidden, RateLimited, ChatNotFound,
		NotSubscribed, TokenInvalid, APIRejected, APIUnavailable, LogUnavailable, Overloaded, Internal}
	if len(codes) != len(answers) {
		t.Errorf("%d codes, %d answers", len(codes), len(answers))
	}
	for _, code := range codes {
		if e := NewError(code, "d"); e.Code != code || e.Text == "" || e.Detail != "d" {
			t.Errorf("%s: %+v", code, e)
		}
	}
	for _, code := range []CloseCode{CloseDone, CloseGoingAway, CloseTooLarge, CloseRestart, CloseInternal, CloseMissingToken,
		CloseInvalidToken, CloseTokenExpired, CloseLimits, CloseTooSlow} {
		if reason := code.Reason(); reason == "" || len(reason) > 123 {
			t.Errorf("%d has the reason %q", code, reason)
		}
	}
}

func TestTimestampsAreAsFormatWritesThem(t *testing.T) {
	zone := time.FixedZone("", 5*3600+1800)
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(1<<31, 999_999_999).In(zone), time.Date(2028, 2, 29, 23, 59, 59, 7e6, zone),
		time.Date(9999, 12, 31, 23, 59, 59, 1e6, time.UTC), time.Date(12026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(-1, 1, 2, 3, 4, 5, 0, time.UTC),
	} {
		if got, want := string(appendTimestamp(nil, at)), Timestamp(at); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The form for the bus is the clients' with its origin, and leaves theirs as it is.
func TestWithOriginIsTypingWithAnOrigin(t *testing.T) {
	data, now := TypingData{UserID: "u1", IsTyping: true, ChatID: "c1"}, time.Now()
	frame := Typing(data, now)
	got := string(WithOrigin(frame, "i1"))
	data.Origin = "i1"
	if want := string(Typing(data, now)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if data.Origin = ""; string(frame) != string(Typing(data, now)) {
		t.Errorf("the frame became %s", frame)
	}
}
