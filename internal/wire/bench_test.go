package wire

import (
	"testing"
	"time"
)

var sink []byte

func BenchmarkDecodeMessage(b *testing.B) {
	frame := []byte(`{"type":"message","content":"Hello, how can I help?","role":"USER","clientMessageId":"k1234567890abcd"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeClient(frame, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeTyping(b *testing.B) {
	frame := []byte(`{"type":"typing","isTyping":true}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeClient(frame, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessageBody(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MessageBody("c1", []byte(apiMessage), "k1234567890abcd", now); err != nil {
			b.Fatal(err)
		}
	}
}

func benchBody(b *testing.B) []byte {
	stored, err := MessageBody("c1", []byte(apiMessage), "k1234567890abcd", now)
	if err != nil {
		b.Fatal(err)
	}
	return stored.Body
}

func BenchmarkSeal(b *testing.B) {
	body := benchBody(b)
	b.ReportAllocs()
	for b.Loop() {
		sink = Seal(body, pos)
	}
}

func BenchmarkParsePayloadRaw(b *testing.B)    { benchParse(b, benchBody(b)) }
func BenchmarkParsePayloadSealed(b *testing.B) { benchParse(b, Seal(benchBody(b), pos)) }
func BenchmarkParsePayloadTyping(b *testing.B) {
	benchParse(b, Typing(TypingData{UserID: "user_1", IsTyping: true, ChatID: "c1", Origin: "i1"}, now))
}

func benchParse(b *testing.B, raw []byte) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePayload(raw, "c1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAck(b *testing.B) {
	a := AckFields{ChatID: "c1", ClientMessageID: "k1234567890abcd", ID: "cm1234567890123456789012", Status: AckStored, Position: pos}
	b.ReportAllocs()
	for b.Loop() {
		sink = Ack(a)
	}
}

func BenchmarkTyping(b *testing.B) {
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		sink = Typing(TypingData{UserID: "user_1", IsTyping: true, ChatID: "c1"}, at)
	}
}

func BenchmarkWithoutEmail(b *testing.B) {
	body := Seal(benchBody(b), pos)
	b.ReportAllocs()
	for b.Loop() {
		sink = WithoutEmail(body)
	}
}

func BenchmarkWithoutEmailTyping(b *testing.B) {
	body := Typing(TypingData{UserID: "user_1", IsTyping: true, ChatID: "c1"}, now)
	b.ReportAllocs()
	for b.Loop() {
		sink = WithoutEmail(body)
	}
}
