package wire

import "testing"

func TestSealedPosition(t *testing.T) {
	at := Position{Epoch: "019a1b2c3d4e5f6a7b8c", Offset: 42}
	sealed := Seal([]byte(`{"type":"message","data":{"id":"a","offset":7}}`), at)
	if p, ok := SealedPosition(sealed); !ok || p != at {
		t.Fatalf("SealedPosition(%s) = %v, %v", sealed, p, ok)
	}
	for _, payload := range []string{
		``, `}`, `"}`, `{}`, `{"type":"message"}`,
		`{"type":"x","data":{"a":1,"offset":5,"epoch":"E"}}`,
		`{"type":"x","text":",\"offset\":5,\"epoch\":\"E"}`,
		`{"type":"x","offset":0,"epoch":"E"}`,
		`{"type":"x","offset":-1,"epoch":"E"}`,
		`{"type":"x","offset":5,"epoch":5}`,
		`{"type":"x","offset":5,"epoch":"a\""}`,
		`{"type":"x","offset":5,"epoch":"E","more":"x"}`,
	} {
		if p, ok := SealedPosition([]byte(payload)); ok {
			t.Errorf("SealedPosition(%s) = %v, want none", payload, p)
		}
	}
}

func TestOriginIs(t *testing.T) {
	const us = "019a1b2c"
	own := Typing(TypingData{UserID: "u1", IsTyping: true, ChatID: "c1", Origin: us}, now)
	if !OriginIs(own, us) {
		t.Errorf("not ours: %s", own)
	}
	for _, payload := range []string{
		``, `"}`, `{}`, us + `"}`, `{"origin":"` + us + `","type":"typing"}`, `{"type":"typing","origin":"x` + us + `"}`,
		`{"type":"message","data":{"origin":"` + us + `"}}`, `{"type":"x","text":",\"origin\":\"` + us + `"}`,
		string(Typing(TypingData{UserID: "u1", ChatID: "c1", Origin: us + "x"}, now)), string(Typing(TypingData{UserID: "u1", ChatID: "c1"}, now)),
	} {
		if OriginIs([]byte(payload), us) {
			t.Errorf("ours: %s", payload)
		}
	}
}
