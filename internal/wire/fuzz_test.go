package wire

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzDecodeClient(f *testing.F) {
	for _, seed := range []string{
		`{"type":"message","content":" a\ud83d ","role":"USER","chatId":"c1","clientMessageId":"k1"}`, `{"type":"typing","isTyping":true}`,
		`{"type":"resume","epoch":"e","offset":12}`, `{"type":"subscribe","token":"a.b.c","chatId":"c"}`, `{"type":"read","messageId":"m"}`,
		`{"type":"ping"}`, `null`, `[]`, `{"type":"ping","a":{"b":[1,2,{"c":null}]}}`, `{"type":"auth","token":null}`, "{\"type\":\"\xff\"}", `{"ty\u0070e":"ping"} `,
	} {
		f.Add([]byte(seed))
	}
	lim := Limits{MaxContent: 20, MaxFrame: 1000}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		got, fault := DecodeClient(frame, lim)
		if !bytes.Equal(frame, before) {
			t.Fatal("the frame was changed")
		}
		if got.ChatID != "" && !ValidChatID(got.ChatID) || got.ClientMessageID != "" && !ValidClientMessageID(got.ClientMessageID) {
			t.Fatalf("names %+v", got)
		}
		if fault != nil {
			named := ClientFrame{Kind: got.Kind, ChatID: got.ChatID, ClientMessageID: got.ClientMessageID}
			if got != named || fault.Text == "" || fault.Code == "" {
				t.Fatalf("refused with %+v and %+v", fault, got)
			}
			if answer := ErrorFrame(fault, true, got.ChatID, got.ClientMessageID); !json.Valid(answer) {
				t.Fatalf("answer is no JSON: %s", answer)
			}
			return
		}
		if !json.Valid(frame) || len(frame) > lim.MaxFrame {
			t.Fatalf("accepted %q", frame)
		}
		switch got.Kind {
		case KindMessage:
			if n := utf8.RuneCountInString(got.Content); n == 0 || n > lim.MaxContent || !utf8.ValidString(got.Content) {
				t.Fatalf("content %q", got.Content)
			}
			if string(trimJS([]byte(got.Content))) != got.Content || !got.Role.Valid() {
				t.Fatalf("content %q, role %q", got.Content, got.Role)
			}
		case KindSubscribe, KindAuth:
			if got.Token == "" || len(got.Token) > MaxToken {
				t.Fatalf("token of %d bytes", len(got.Token))
			}
		case KindRead:
			if !validID(got.MessageID) {
				t.Fatalf("messageId %q", got.MessageID)
			}
		case KindResume:
			if got.Position.Offset > 1<<53 || utf8.RuneCountInString(got.Position.Epoch) > MaxEpoch {
				t.Fatalf("position %+v", got.Position)
			}
		}
	})
}

func FuzzParsePayload(f *testing.F) {
	for _, seed := range []string{
		`{"type":"message","data":{"id":"m1","sender":null,"clientMessageId":"k"},"chatId":"x","offset":4,"epoch":"e"}`,
		` { "origin":1, "type":"message","data":{ } , "epoch" : 1 } `, `{"type":"typing","data":{"userId":"u","isTyping":true},"origin":"i"}`,
		`{"type":"agent_joined","data":{"agentName":"a@b"},"offset":1}`, `{"chatId":1,"offset":2,"origin":3,"epoch":4,"type":"x"}`,
		`{"type":"presence_state","origin":"i","want":true,"users":[{"userId":"u","role":"user","status":"online"}],"read":[]}`,
		`{"type":"message_updated","data":{"id":"m","updatedAt":"t"}}`, `{"type":"read","origin":"i","data":{"userId":"u","messageId":"m"}}`,
	} {
		f.Add([]byte(seed), uint64(7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, offset uint64) {
		p, err := ParsePayload(raw, "c1")
		if err != nil {
			if p.Body != nil || p.Key != "" {
				t.Fatalf("refused with %+v", p)
			}
			return
		}
		if p.Type == TypePresenceState {
			if again, err := ParsePayload(p.State.Encode(), "c1"); err != nil || again.State.Origin != p.Origin || len(again.State.Users) != len(p.State.Users) {
				t.Fatalf("presence state %+v comes back as %+v, %v", p.State, again.State, err)
			}
			return
		}
		if !json.Valid(p.Body) || !utf8.Valid(p.Body) {
			t.Fatalf("body is no JSON: %q", p.Body)
		}
		if p.Ephemeral {
			if p.Sequenced || p.Key != "" {
				t.Fatalf("ephemeral: %+v", p)
			}
			return
		}
		if p.Key == "" {
			t.Fatalf("no key: %+v", p)
		}
		if p.Sequenced {
			if !bytes.Equal(p.Body, raw) || p.Position.Offset == 0 || p.Position.Epoch == "" {
				t.Fatalf("sequenced: %+v", p)
			}
			return
		}
		if !bytes.HasSuffix(p.Body, []byte(`,"chatId":"c1"}`)) {
			t.Fatalf("body %q names no chat", p.Body)
		}
		at := Position{Epoch: "e", Offset: max(offset%maxSafeWhole, 1)}
		again, err := ParsePayload(Seal(p.Body, at), "c1")
		if err != nil || !again.Sequenced || again.Position != at {
			t.Fatalf("sealed at %+v it is %+v, %v", at, again, err)
		}
		if again.Key != p.Key || again.MessageID != p.MessageID || again.ClientMessageID != p.ClientMessageID || again.Type != p.Type {
			t.Fatalf("raw %+v, sealed %+v", p, again)
		}
	})
}

// emailOf finds the address as a browser would: the last of repeated members counts.
func emailOf(payload []byte) any {
	var frame map[string]any
	if json.Unmarshal(payload, &frame) != nil {
		return nil
	}
	data, _ := frame["data"].(map[string]any)
	sender, _ := data["sender"].(map[string]any)
	return sender["email"]
}

func FuzzWithoutEmail(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"sender":{"email":"a@b.c"}}}`, `{"d\u0061ta":{"sender":{"em\u0061il":"a"},"sender":{"email":[1]}}}`, `{"data":{"sender":{"email":null}}} `,
		`{"data":{"sender":{"email":"a"},"sender":5},"data":{"sender":{"email":{}}}}`, `{"data":{"sender":{"email":"a"`, "\ufeff{}", `["email"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		valid := json.Valid(payload) && utf8.Valid(payload)
		before := bytes.Clone(payload)
		got := WithoutEmail(payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if address := emailOf(got); address != nil {
			t.Fatalf("%q still has %v", got, address)
		}
		if valid && !json.Valid(got) {
			t.Fatalf("%q became %q", payload, got)
		}
		if again := WithoutEmail(got); !bytes.Equal(again, got) {
			t.Fatalf("%q, again %q", got, again)
		}
	})
}

func FuzzMessageBody(f *testing.F) {
	for _, seed := range []string{
		apiMessage, `{"id":"1"}`, `{"id":"1","sender":null,"role":"\u0041GENT","timestamp":1,"createdAt":{},"clientMessageId":2}`, ` { "id" : "1" , "createdAt":[1] } `, `{"id":7}`,
	} {
		f.Add([]byte(seed), "k1")
	}
	f.Fuzz(func(t *testing.T, api []byte, key string) {
		if !ValidClientMessageID(key) {
			key = ""
		}
		got, err := MessageBody("c1", api, key, now)
		if err != nil {
			if got.Body != nil || got.ID != "" {
				t.Fatalf("refused with %+v", got)
			}
			return
		}
		p, err := ParsePayload(Seal(got.Body, pos), "c1")
		if err != nil || p.Position != pos || p.MessageID != got.ID || key != "" && p.ClientMessageID != key {
			t.Fatalf("%q became %q: %+v, %v", api, got.Body, p, err)
		}
		var in map[string]any
		var out struct {
			Type, Timestamp, ChatID string
			Data                    map[string]any
		}
		if json.Unmarshal(api, &in) != nil || json.Unmarshal(got.Body, &out) != nil {
			t.Fatalf("no JSON: %q", got.Body)
		}
		if _, ok := out.Data["sender"].(map[string]any); !ok || out.Type != "message" || out.ChatID != "c1" || out.Data["timestamp"] == nil && in["createdAt"] != nil {
			t.Fatalf("frame %q", got.Body)
		}
		if role, ok := out.Data["role"].(string); ok && role != strings.ToLower(role) {
			t.Fatalf("role %q", role)
		}
	})
}

// TestSealedPositionComesBack holds for positions at random and at the ends of their range.
func TestSealedPositionComesBack(t *testing.T) {
	body := AgentJoinedBody("c1", "u1", "Ada", now)
	random := rand.New(rand.NewPCG(1, 2))
	positions := []Position{{"e", 1}, {strings.Repeat("z", MaxEpoch), maxSafeWhole}, {`"\é`, 2}}
	for range 1000 {
		positions = append(positions, Position{DeriveID(string(rune(random.IntN(1<<16))), "", ""), 1 + random.Uint64N(maxSafeWhole)})
	}
	for _, want := range positions {
		if p, err := ParsePayload(Seal(body, want), "c1"); err != nil || !p.Sequenced || p.Position != want || p.Key != HashKey(body) {
			t.Errorf("%+v came back as %+v, %v", want, p, err)
		}
	}
}

func FuzzOriginIs(f *testing.F) {
	for _, seed := range []string{
		`{"type":"typing","origin":"i"}`, `{"a":{"x":1,"origin":"i"}}`, `{"a":",\"origin\":\"i"}`, `{"a":["x","origin","i"]}`, `[{"x":1,"origin":"i"}]`, `{"x":1,"origin":"i"} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var members map[string]any
		if json.Unmarshal(payload, &members) == nil && OriginIs(payload, "i") && members["origin"] != "i" {
			t.Fatalf("%q", payload)
		}
	})
}
