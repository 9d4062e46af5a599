package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func parse(t *testing.T, raw string) Payload {
	t.Helper()
	p, err := ParsePayload([]byte(raw), "c1")
	if err != nil {
		t.Fatalf("%.200s: %v", raw, err)
	}
	return p
}

func TestParsePayloadRaw(t *testing.T) {
	const data = `"data":{"id":"m1","sender":{"id":"u"},"x":[1, 2]}`
	for raw, want := range map[string]struct{ key, body string }{
		`{"type":"message",` + data + `,"timestamp":"t"}`:                         {"m:m1", `{"type":"message",` + data + `,"timestamp":"t","chatId":"c1"}`},
		`{"chatId":"zz","type":"message",` + data + `}`:                           {"m:m1", `{"type":"message",` + data + `,"chatId":"c1"}`},
		`{"chatId":1,"origin":"o","epoch":"e","type":"message",` + data + `}`:     {"m:m1", `{"type":"message",` + data + `,"chatId":"c1"}`},
		`{"type":"message","offset":"9",` + data + `,"epoch":"e","origin":null}`:  {"m:m1", `{"type":"message",` + data + `,"chatId":"c1"}`},
		`{"offset":1.5,"epoch":"e","type":"message",` + data + `}`:                {"m:m1", `{"type":"message",` + data + `,"chatId":"c1"}`},
		`{"offset":5,"type":"message",` + data + `}`:                              {"m:m1", `{"type":"message",` + data + `,"chatId":"c1"}`},
		" {\n\"type\" : \"message\" ,\t\"chatId\":\"x\" , " + data + "\n} ":       {"m:m1", "{\n\"type\" : \"message\" , " + data + `,"chatId":"c1"}`},
		`{"type":"message","data":{"id":"m1"}}`:                                   {"m:m1", `{"type":"message","data":{"id":"m1","sender":` + noSender + `},"chatId":"c1"}`},
		`{"chatId":"x","data":{"id":"m1","sender":null},"type":"message"}`:        {"m:m1", `{"data":{"id":"m1","sender":` + noSender + `},"type":"message","chatId":"c1"}`},
		`{"type":"message","data":{}}`:                                            {"", `{"type":"message","data":{"sender":` + noSender + `},"chatId":"c1"}`},
		`{"type":"message","data":{"id":7,"sender":{}}}`:                          {"", `{"type":"message","data":{"id":7,"sender":{}},"chatId":"c1"}`},
		`{"type":"message_updated","data":{"id":"m1","updatedAt":"t2"}}`:          {"u:m1:t2", `{"type":"message_updated","data":{"id":"m1","updatedAt":"t2"},"chatId":"c1"}`},
		`{"type":"message_updated","data":{"id":"m1"}}`:                           {"", `{"type":"message_updated","data":{"id":"m1"},"chatId":"c1"}`},
		`{"type":"agent_joined","data":{"agentId":"u","agentName":"Ada"}}`:        {"", `{"type":"agent_joined","data":{"agentId":"u","agentName":"Ada"},"chatId":"c1"}`},
		`{"type":"agent_joined","data":{"agentId":"u","agentName":"a\u0040b.c"}}`: {"", `{"type":"agent_joined","data":{"agentId":"u","agentName":"Agent"},"chatId":"c1"}`},
		`{"type":"agent_joined","data":{}}`:                                       {"", `{"type":"agent_joined","data":{"agentName":"Agent"},"chatId":"c1"}`},
		`{"type":"brand_new","data":[1],"more":{"offset":1}}`:                     {"", `{"type":"brand_new","data":[1],"more":{"offset":1},"chatId":"c1"}`},
		`{"type":"x","chatId":1,"offset":2,"origin":3,"epoch":4}`:                 {"", `{"type":"x","chatId":"c1"}`},
	} {
		p := parse(t, raw)
		if p.Sequenced || p.Ephemeral || p.Position != (Position{}) {
			t.Errorf("%s: not taken as raw: %+v", raw, p)
		}
		if string(p.Body) != want.body {
			t.Errorf("%s:\n got %s\nwant %s", raw, p.Body, want.body)
		}
		if want.key == "" {
			want.key = HashKey(p.Body)
		}
		if p.Key != want.key {
			t.Errorf("%s: key %s, want %s", raw, p.Key, want.key)
		}
	}
}

// TestRawSealedSameKey: whether an instance hears of an event raw or sealed, it knows it by one key.
func TestRawSealedSameKey(t *testing.T) {
	for _, raw := range []string{
		`{"type":"message","data":{"id":"m1","clientMessageId":"k1"}}`,
		`{"type":"message_updated","data":{"id":"m1","updatedAt":"t2"}}`,
		`{"type":"message","data":{"content":"no id"}}`,
		`{"type":"agent_joined","data":{"agentName":"x@y"}}`,
		"{ \"chatId\":\"old\" , \"type\" : \"brand_new\", \"origin\":1 , \"n\": 1.0 \n}\n",
		string(MessageFailedBody("c1", "k1", "m1", APIRejected, now)),
	} {
		first := parse(t, raw)
		sealed := Seal(first.Body, pos)
		second := parse(t, string(sealed))
		if !second.Sequenced || second.Position != pos || !bytes.Equal(second.Body, sealed) {
			t.Errorf("%s: sealed it is %+v", raw, second)
		}
		if first.Key != second.Key || first.MessageID != second.MessageID || first.ClientMessageID != second.ClientMessageID {
			t.Errorf("%s: %q %q %q raw, %q %q %q sealed", raw, first.Key, first.MessageID, first.ClientMessageID, second.Key, second.MessageID, second.ClientMessageID)
		}
	}
}

func TestParsePayloadOfMessageBody(t *testing.T) {
	stored, err := MessageBody("c1", []byte(apiMessage), "k1", now)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, string(Seal(stored.Body, pos)))
	if p.Key != MessageKey("cm1") || p.MessageID != "cm1" || p.ClientMessageID != "k1" || p.Type != TypeMessage {
		t.Errorf("got %+v", p)
	}
}

func TestParsePayloadEphemeral(t *testing.T) {
	typing := TypingData{UserID: "u 1", IsTyping: true, ChatID: "c1", Origin: "i1"}
	p := parse(t, string(Typing(typing, now)))
	if p.Typing != typing || p.Origin != "i1" || !p.Ephemeral || p.Key != "" {
		t.Errorf("typing: %+v", p)
	}
	typing.Origin = ""
	if string(p.Body) != string(Typing(typing, now)) {
		t.Errorf("clients would get %s", p.Body)
	}

	// An old server's typing names no origin and no chat.
	p = parse(t, `{"type":"typing","data":{"userId":"u","isTyping":false},"timestamp":"t"}`)
	if !p.Ephemeral || p.Origin != "" || p.Typing != (TypingData{UserID: "u", ChatID: "c1"}) ||
		string(p.Body) != `{"type":"typing","data":{"userId":"u","isTyping":false},"timestamp":"t","chatId":"c1"}` {
		t.Errorf("old typing: %+v %s", p, p.Body)
	}

	presence := Presence{"u", RoleAgent, Offline}
	if p = parse(t, string(PresenceFrame(presence, "c1", "i1", now))); p.Presence != presence || !p.Ephemeral || p.Sequenced ||
		string(p.Body) != string(PresenceFrame(presence, "c1", "", now)) {
		t.Errorf("presence: %+v %s", p, p.Body)
	}
	mark := ReadMark{"u", "m1"}
	if p = parse(t, string(ReadFrame(mark, "c1", "i1", now))); p.Read != mark || !p.Ephemeral ||
		string(p.Body) != string(ReadFrame(mark, "c1", "", now)) {
		t.Errorf("read: %+v %s", p, p.Body)
	}
	// A position does not make them part of the log.
	if p = parse(t, string(Seal(Typing(typing, now), pos))); p.Sequenced || !p.Ephemeral || strings.Contains(string(p.Body), "epoch") {
		t.Errorf("sealed typing: %+v", p)
	}
}

func TestPresenceStateRoundTrip(t *testing.T) {
	for _, s := range []PresenceState{
		{Origin: "i1"},
		{Origin: "i1", Want: true, Users: []Presence{{"u\"1", RoleUser, Online}, {"u2", "", Online}}, Read: []ReadMark{{"u1", "m1"}, {"é", "m2"}}},
	} {
		p := parse(t, string(s.Encode()))
		if !reflect.DeepEqual(p.State, s) || p.Origin != "i1" || !p.Ephemeral || p.Body != nil {
			t.Errorf("got %+v, want %+v", p.State, s)
		}
	}
}

func TestParsePayloadRefuses(t *testing.T) {
	for raw, want := range map[string]error{
		``: ErrNotOurs, `null`: ErrNotOurs, `[]`: ErrNotOurs, `"x"`: ErrNotOurs, `{}`: ErrNotOurs, `{"type":5}`: ErrNotOurs, `{"type":null}`: ErrNotOurs,
		`{"type":"x"`: ErrNotOurs, `{"type":"x"} {}`: ErrNotOurs, `{"type":"x","type":"y"}`: ErrNotOurs, `{"type":"x","a":01}`: ErrNotOurs,
		"{\"type\":\"x\",\"a\":\"\xc3\x28\"}": ErrNotOurs,
		` {"type":"message"}`:                 ErrNotOurs, ` {"type":"message","data":null}`: ErrNotOurs, `{"type":"message_updated","data":"x"}`: ErrNotOurs, `{"type":"agent_joined","data":[]}`: ErrNotOurs,
		`{"type":"typing"}`: ErrNotOurs, `{"type":"typing","data":{"userId":"u"}}`: ErrNotOurs, `{"type":"typing","data":{"userId":1,"isTyping":true}}`: ErrNotOurs,
		`{"type":"presence","data":{"userId":"u","role":"user","status":"online"}}`:              ErrNotOurs,
		`{"type":"presence","origin":"i","data":{"userId":"u","role":"user","status":"away"}}`:   ErrNotOurs,
		`{"type":"presence","origin":"i","data":{"userId":"u","role":"boss","status":"online"}}`: ErrNotOurs,
		`{"type":"read","data":{"userId":"u","messageId":"m"}}`:                                  ErrNotOurs,
		`{"type":"read","origin":"i","data":{"userId":"u","messageId":""}}`:                      ErrNotOurs,
		`{"type":"presence_state","want":true}`:                                                  ErrNotOurs,
		`{"type":"presence_state","origin":"i","users":[{"userId":""}]}`:                         ErrNotOurs,
		`{"type":"presence_state","origin":"i","read":[{"userId":"u","messageId":1}]}`:           ErrNotOurs,
		`{"type":"presence_state","origin":"i","read":[{"userId":"u","messageId":"\u0000"}]}`:    ErrNotOurs,
		`{"type":"x","a":"` + strings.Repeat("a", MaxPayload) + `"}`:                             ErrTooLarge,
		strings.Repeat("[", 2*MaxPayload):                                                        ErrTooLarge,
		`{"type":"x","a":` + strings.Repeat("[", MaxPayload/2):                                   ErrNotOurs,
	} {
		if p, err := ParsePayload([]byte(raw), "c1"); !errors.Is(err, want) || p.Body != nil {
			t.Errorf("%.100s: got %+v, %v; want %v", raw, p, err, want)
		}
	}
}

// TestLargestRawStaysReadable: what was accepted raw must not become too large by being completed and sealed.
func TestLargestRawStaysReadable(t *testing.T) {
	raw := `{"type":"message","data":{"id":"m1","content":""}}`
	raw = strings.Replace(raw, `""`, `"`+strings.Repeat("a", MaxPayload-len(raw))+`"`, 1)
	p, err := ParsePayload([]byte(raw), strings.Repeat("c", MaxChatID))
	if err != nil || len(raw) != MaxPayload {
		t.Fatalf("%d bytes: %v", len(raw), err)
	}
	sealed := Seal(p.Body, Position{strings.Repeat("e", MaxEpoch), maxSafeWhole})
	if again, err := ParsePayload(sealed, "c1"); err != nil || !again.Sequenced {
		t.Errorf("%d bytes sealed: %v", len(sealed), err)
	}
}

func TestParsePayloadKeepsNoReference(t *testing.T) {
	for _, raw := range [][]byte{
		[]byte(`{"type":"message","data":{"id":"m1","sender":{}}}`), Seal([]byte(`{"type":"message","data":{"id":"m1"}}`), pos), Typing(TypingData{UserID: "u", ChatID: "c1"}, now),
	} {
		p := parse(t, string(raw))
		kept, err := ParsePayload(raw, "c1")
		if err != nil {
			t.Fatal(err)
		}
		clear(raw)
		if !reflect.DeepEqual(kept, p) || !json.Valid(kept.Body) {
			t.Errorf("the payload's buffer shows through: %+v", kept)
		}
	}
}
