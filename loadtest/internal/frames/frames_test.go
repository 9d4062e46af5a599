package frames

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
)

var tag = Tag{Run: 0x0123456789abcdef, Chat: 17, Sender: 1, Seq: 4000}

func TestATagIsAClientMessageID(t *testing.T) {
	allowed := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	for _, want := range []Tag{tag, {}, {math.MaxUint64, math.MaxInt32, 999_999, 1<<31 - 1}} {
		text := want.Append(nil)
		if !allowed.Match(text) {
			t.Errorf("%q is no clientMessageId", text)
		}
		if got, ok := ParseTag(text); !ok || got != want {
			t.Errorf("ParseTag(%q) = %+v, %v", text, got, ok)
		}
	}
}

func TestWhatIsNoTag(t *testing.T) {
	for _, p := range []string{
		"", "hello", "0123456789abcdef", "0123456789abcdeF-1-1-1", "0123456789abcdef-1-1", "0123456789abcdef-1-1-1-1",
		"0123456789abcdef-01-1-1", "0123456789abcdef-1-1-99999999999", "0123456789abcdef-1--1", "0123456789abcdef-1-1-1x",
	} {
		if got, ok := ParseTag([]byte(p)); ok {
			t.Errorf("ParseTag(%q) = %+v", p, got)
		}
	}
}

func TestAMessageIsWhatTheProtocolWants(t *testing.T) {
	for _, size := range []int{MinSize, 100, 16_000} {
		var got struct{ Type, Content, Role, ClientMessageID string }
		if err := json.Unmarshal(AppendMessage(nil, tag, "USER", size, true), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Content) != size || strings.TrimSpace(got.Content) != got.Content {
			t.Errorf("content of %d bytes, or with space around: %q", len(got.Content), got.Content)
		}
		if got.Type != "message" || got.Role != "USER" || got.ClientMessageID != string(tag.Append(nil)) {
			t.Errorf("got %+v", got)
		}
	}
	if old := AppendMessage(nil, tag, "USER", 100, false); bytes.Contains(old, []byte("clientMessageId")) {
		t.Errorf("an old client sends %s", old)
	}
}

func TestParse(t *testing.T) {
	text := string(tag.Append(nil))
	tests := []struct {
		in   string
		want Frame
	}{
		{`{"type":"message","data":{"id":"a","content":"` + text + ` x","role":"user"},"timestamp":"t"}`, Frame{Type: Message, Tag: tag, Tagged: true}},
		{`{"type":"message","data":{"content":"` + text + `"}}`, Frame{Type: Message, Tag: tag, Tagged: true}},
		{`{ "data": {"content": "` + text + ` x"}, "type": "message" }`, Frame{Type: Message, Tag: tag, Tagged: true}},
		{`{"type":"message","data":{"content":"hello"}}`, Frame{Type: Message}},
		{string(AppendMessage(nil, tag, "AGENT", 100, true)), Frame{Type: Message, Tag: tag, Tagged: true}},
		{`{"type":"typing","data":{"userId":"u1","isTyping":true},"timestamp":"t"}`, Frame{Type: TypingState, UserID: []byte("u1"), On: true}},
		{`{"type":"typing","data":{"isTyping": false, "userId": "u1"}}`, Frame{Type: TypingState, UserID: []byte("u1")}},
		{string(Typing(true)), Frame{Type: TypingState, On: true}},
		{string(Typing(false)), Frame{Type: TypingState}},
		{`{"isTyping":true, "type":"typing"}`, Frame{Type: TypingState, On: true}},
		{`{"type":"ack","chatId":"c","clientMessageId":"` + text + `","id":"x","status":"stored"}`, Frame{Type: Ack, Tag: tag, Tagged: true, Stored: true}},
		{`{"type":"ack","clientMessageId":"` + text + `","status":"accepted"}`, Frame{Type: Ack, Tag: tag, Tagged: true}},
		{`{"type":"error","error":"No","code":"OVERLOADED","clientMessageId":"` + text + `"}`, Frame{Type: Error, Tag: tag, Tagged: true, Code: []byte("OVERLOADED")}},
		{`{"type":"error","error":"No","code":"X","retryable":true}`, Frame{Type: Error, Code: []byte("X"), Retryable: true}},
		{`{"type":"message_failed","chatId":"c","data":{"id":"x"}}`, Frame{Type: Failed}},
		{`{"type":"resumed","chatId":"c","recovered":true}`, Frame{Type: Resumed}},
		{`{"type":"error","error":"Failed to send message"}`, Frame{Type: Error, Code: []byte("Failed to send message")}},
		{`{"type":"connected","chatId":"c","timestamp":"t"}`, Frame{Type: Connected}},
		{`{"type":"presence","data":{}}`, Frame{Type: Other}},
		{`{"type":7}`, Frame{Type: Malformed}}, {`[]`, Frame{Type: Malformed}}, {``, Frame{Type: Malformed}}, {`{}`, Frame{Type: Malformed}},
	}
	for _, tt := range tests {
		got := Parse([]byte(tt.in))
		if got.Type != tt.want.Type || got.Tag != tt.want.Tag || got.Tagged != tt.want.Tagged || got.On != tt.want.On ||
			got.Stored != tt.want.Stored || got.Retryable != tt.want.Retryable || !bytes.Equal(got.UserID, tt.want.UserID) || !bytes.Equal(got.Code, tt.want.Code) {
			t.Errorf("Parse(%s)\n got %+v\nwant %+v", tt.in, got, tt.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]Place{
		`{"type":"message","data":{"content":"x"},"chatId":"c","offset":42,"epoch":"e1"}`: {"e1", 42},
		`{"type":"connected","chatId":"c","epoch":"e1","offset":0}`:                       {"e1", 0},
		`{"type":"connected","chatId":"c","epoch":"","offset":7}`:                         {},
		`{"type":"message","data":{"content":"x"}}`:                                       {},
		`{"offset":-1,"epoch":"e"}`:                                                       {},
		`[`:                                                                               {},
	} {
		if got := PlaceOf([]byte(text)); got != want {
			t.Errorf("%s is at %+v, want %+v", text, got, want)
		}
	}
	rising := []Place{{}, {"a", 1}, {"a", 2}, {"b", 0}, {"b", 1}}
	for i, p := range rising {
		for j, o := range rising {
			if p.After(o) != (i > j) {
				t.Errorf("%+v after %+v: %v", p, o, i <= j)
			}
		}
	}
}

func TestParsingAMessageAllocatesNothing(t *testing.T) {
	p := []byte(`{"type":"message","data":{"id":"a","content":"` + string(tag.Append(nil)) + ` x","role":"user"},"timestamp":"t"}`)
	if n := testing.AllocsPerRun(100, func() { Parse(p) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"typing","data":{"userId":"u1","isTyping":true}}`))
	f.Add(AppendMessage(nil, tag, "USER", 100, true))
	f.Add([]byte(`{"type":"error","code":"X"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		got := Parse(p)
		if !bytes.Equal(p, before) {
			t.Fatal("the input changed")
		}
		if got.Tagged {
			if again, ok := ParseTag(got.Tag.Append(nil)); !ok || again != got.Tag {
				t.Fatalf("tag %+v does not survive", got.Tag)
			}
		}
	})
}
