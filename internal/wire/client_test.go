package wire

import (
	"strings"
	"testing"
)

func TestDecodeClient(t *testing.T) {
	long := strings.Repeat("x", 65)
	for frame, want := range map[string]ClientFrame{
		`{"type":"message","content":"Hello!","role":"USER"}`:                                      {Kind: KindMessage, Content: "Hello!", Role: RoleUser},
		` {"role":"AGENT","chatId":"c-1","clientMessageId":"k_1","content":"a","type":"message"} `: {Kind: KindMessage, Content: "a", Role: RoleAgent, ChatID: "c-1", ClientMessageID: "k_1"},
		`{"type":"message","content":" \n\ufeff\u00a0a b\u3000\u2029\t","role":"ASSISTANT"}`:       {Kind: KindMessage, Content: "a b", Role: RoleAssistant},
		"{\"type\":\"message\",\"content\":\"\ufeff\u0085\u00a0\",\"role\":\"USER\"}":              {Kind: KindMessage, Content: "\u0085", Role: RoleUser},
		`{"t\u0079pe":"m\u0065ssage","content":"\"\\\u00e9\ud83d\ude00","role":"\u0055SER"}`:       {Kind: KindMessage, Content: "\"\\é😀", Role: RoleUser},
		`{"type":"message","content":"cut \ud83d","role":"USER"}`:                                  {Kind: KindMessage, Content: "cut \ufffd", Role: RoleUser},
		`{"type":"message","content":"a","role":"USER","chatId":null,"clientMessageId":null}`:      {Kind: KindMessage, Content: "a", Role: RoleUser},
		`{"type":"message","content":"a","role":"USER","x":{"type":[1,{}]},"token":5,"epoch":[]}`:  {Kind: KindMessage, Content: "a", Role: RoleUser},
		`{"type":"typing","isTyping":true}`:                                                        {Kind: KindTyping, IsTyping: true},
		`{"type":"typing","isTyping":false,"chatId":"c"}`:                                          {Kind: KindTyping, ChatID: "c"},
		`{"type":"typing"}`:                                                   {},
		`{"type":"typing","isTyping":"true"}`:                                 {},
		`{"type":"typing","isTyping":null,"chatId":"../"}`:                    {},
		`{"type":"agent_joined","agentId":"user_123","agentName":"John Doe"}`: {Kind: KindAgentJoined},
		`{"type":"agent_joined","agentId":{},"agentName":7,"chatId":"c"}`:     {Kind: KindAgentJoined, ChatID: "c"},
		`{"type":"ping"}`:                         {Kind: KindPing},
		`{"type":"ping","chatId":5,"content":[]}`: {Kind: KindPing},
		`{"type":"resume","chatId":"c","epoch":"e","offset":9007199254740992}`: {Kind: KindResume, ChatID: "c", Position: Position{"e", 1 << 53}},
		`{"type":"resume","epoch":"","offset":0}`:                              {Kind: KindResume},
		`{"type":"subscribe","chatId":"c","token":"a.b.c"}`:                    {Kind: KindSubscribe, ChatID: "c", Token: "a.b.c"},
		`{"type":"unsubscribe","chatId":"c"}`:                                  {Kind: KindUnsubscribe, ChatID: "c"},
		`{"type":"auth","token":"a.b.c","clientMessageId":"` + long + `"}`:     {Kind: KindAuth, Token: "a.b.c"},
		`{"type":"read","chatId":"c","messageId":"m 1"}`:                       {Kind: KindRead, ChatID: "c", MessageID: "m 1"},
	} {
		got, err := DecodeClient([]byte(frame), Limits{})
		if err != nil {
			t.Errorf("%s: %v (%s)", frame, err, err.Detail)
		} else if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", frame, got, want)
		}
	}
}

func TestDecodeClientRefuses(t *testing.T) {
	long := strings.Repeat("x", 65)
	named := ClientFrame{Kind: KindMessage, ChatID: "c1", ClientMessageID: "k1"}
	const head = `{"type":"message","chatId":"c1","clientMessageId":"k1"`
	for _, c := range []struct {
		frame  string
		code   Code
		text   string
		detail string // what the detail must mention, "" = there is none
		named  ClientFrame
	}{
		{``, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{` `, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`null`, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`nul`, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`hello`, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`{"type":"ping"`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{"type":"ping"}{}`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{"type":"ping"} x`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{"type":"ping",}`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{'type':'ping'}`, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`{"type":"ping","type":"ping"}`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{"type":"ping","typ\u0065":"ping"}`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{`{"type":"ping","x":{"a":1,"a":2}}`, BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{"{\"type\":\"ping\",\"x\":\"\xff\"}", BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`{"type":"ping","x":` + strings.Repeat("[", 20000), BadFrame, "Failed to process message", "JSON", ClientFrame{Kind: KindPing}},
		{"\x00\x01\x02", BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{strings.Repeat(" ", DefaultMaxFrame+1), BadFrame, "Failed to process message", "65536", ClientFrame{}},
		{head + `,"content":"a"`, BadFrame, "Failed to process message", "JSON", named},

		{`[]`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`[{"type":"ping"}]`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`5`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`"ping"`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`true`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`[} `, BadFrame, "Failed to process message", "JSON", ClientFrame{}},
		{`{}`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`{"type":7,"chatId":"c1"}`, UnknownType, "Unknown message type", "", ClientFrame{ChatID: "c1"}},
		{`{"type":"Message"}`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`{"type":"connected"}`, UnknownType, "Unknown message type", "", ClientFrame{}},
		{`{"type":"presence_state"}`, UnknownType, "Unknown message type", "", ClientFrame{}},

		{head + `}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":"a"}`, MissingField, "Missing content or role", "", named},
		{head + `,"role":"USER"}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":null,"role":"USER"}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":["a"],"role":"USER"}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":"a","role":1}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":"","role":"USER"}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":" \ufeff\n","role":"USER"}`, MissingField, "Missing content or role", "", named},
		{head + `,"content":"a","role":"user"}`, MissingField, "Missing content or role", "ASSISTANT", named},
		{head + `,"content":"a","role":""}`, MissingField, "Missing content or role", "ASSISTANT", named},
		{head + `,"content":"éééééééééé!","role":"USER"}`, ContentTooLong, TextContentTooLong, "10", named},

		{`{"type":"message","content":"a","role":"USER","chatId":"../x","clientMessageId":"k1"}`, BadFrame, "Failed to process message", "chatId", ClientFrame{Kind: KindMessage, ClientMessageID: "k1"}},
		{`{"type":"message","content":"a","role":"USER","chatId":5}`, BadFrame, "Failed to process message", "chatId", ClientFrame{Kind: KindMessage}},
		{`{"type":"typing","isTyping":true,"chatId":""}`, BadFrame, "Failed to process message", "chatId", ClientFrame{Kind: KindTyping}},
		{`{"type":"unsubscribe","chatId":"` + long + `"}`, BadFrame, "Failed to process message", "chatId", ClientFrame{Kind: KindUnsubscribe}},
		{`{"type":"message","content":"a","role":"USER","chatId":"c1","clientMessageId":"` + long + `"}`, BadFrame, "Failed to process message", "clientMessageId", ClientFrame{Kind: KindMessage, ChatID: "c1"}},
		{`{"type":"message","content":"a","role":"USER","clientMessageId":7}`, BadFrame, "Failed to process message", "clientMessageId", ClientFrame{Kind: KindMessage}},
		{`{"type":"resume","offset":0}`, MissingField, TextMissingOther, "epoch", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"e"}`, MissingField, TextMissingOther, "offset", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":5,"offset":0}`, BadFrame, "Failed to process message", "epoch", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"` + long + `","offset":0}`, BadFrame, "Failed to process message", "epoch", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"a\u0000","offset":0}`, BadFrame, "Failed to process message", "epoch", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"e","offset":-1}`, BadFrame, "Failed to process message", "offset", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"e","offset":1.5}`, BadFrame, "Failed to process message", "offset", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"e","offset":9007199254740993}`, BadFrame, "Failed to process message", "offset", ClientFrame{Kind: KindResume}},
		{`{"type":"resume","epoch":"e","offset":"1"}`, BadFrame, "Failed to process message", "offset", ClientFrame{Kind: KindResume}},
		{`{"type":"subscribe","chatId":"c1"}`, MissingField, TextMissingOther, "token", ClientFrame{Kind: KindSubscribe, ChatID: "c1"}},
		{`{"type":"auth","token":""}`, BadFrame, "Failed to process message", "token", ClientFrame{Kind: KindAuth}},
		{`{"type":"auth","token":{}}`, BadFrame, "Failed to process message", "token", ClientFrame{Kind: KindAuth}},
		{`{"type":"auth","token":"` + strings.Repeat("a", MaxToken+1) + `"}`, BadFrame, "Failed to process message", "token", ClientFrame{Kind: KindAuth}},
		{`{"type":"read"}`, MissingField, TextMissingOther, "messageId", ClientFrame{Kind: KindRead}},
		{`{"type":"read","messageId":"a\nb"}`, BadFrame, "Failed to process message", "messageId", ClientFrame{Kind: KindRead}},
		{`{"type":"read","messageId":"` + strings.Repeat("é", MaxID+1) + `"}`, BadFrame, "Failed to process message", "messageId", ClientFrame{Kind: KindRead}},
	} {
		got, err := DecodeClient([]byte(c.frame), Limits{MaxContent: 10})
		short := c.frame[:min(len(c.frame), 120)]
		if err == nil {
			t.Errorf("%s: accepted as %+v", short, got)
			continue
		}
		if err.Code != c.code || err.Text != c.text || err.Retryable {
			t.Errorf("%s: got %+v, want %s %q", short, *err, c.code, c.text)
		}
		if c.detail == "" && err.Detail != "" || !strings.Contains(err.Detail, c.detail) {
			t.Errorf("%s: detail %q, want one about %q", short, err.Detail, c.detail)
		}
		if got != c.named {
			t.Errorf("%s: names %+v, want %+v", short, got, c.named)
		}
	}
}

func TestDecodeClientLimits(t *testing.T) {
	frame := func(content string) []byte {
		return []byte(`{"type":"message","role":"USER","content":"` + content + `"}`)
	}
	if f, err := DecodeClient(frame(strings.Repeat("😀", DefaultMaxContent)), Limits{}); err != nil || len(f.Content) != 4*DefaultMaxContent {
		t.Errorf("the longest content of the widest characters: %v", err)
	}
	if _, err := DecodeClient(frame(strings.Repeat("a", DefaultMaxContent+1)), Limits{}); err == nil || err.Code != ContentTooLong {
		t.Errorf("one character too many: %v", err)
	}
	if _, err := DecodeClient(frame(strings.Repeat(" ", DefaultMaxContent)+"a"), Limits{}); err != nil {
		t.Errorf("what is trimmed counts: %v", err)
	}
	if _, err := DecodeClient(frame("a"), Limits{MaxFrame: len(frame("a"))}); err != nil {
		t.Errorf("a frame of just the limit: %v", err)
	}
	if _, err := DecodeClient(frame("ab"), Limits{MaxFrame: len(frame("a"))}); err == nil || err.Code != BadFrame {
		t.Errorf("a frame over the limit: %v", err)
	}
}

func TestDecodeClientKeepsNoReference(t *testing.T) {
	frame := []byte(`{"type":"message","content":"abc","role":"USER","chatId":"c1","clientMessageId":"k1"}`)
	f, err := DecodeClient(frame, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if f.Content != "abc" || f.ChatID != "c1" || f.ClientMessageID != "k1" {
		t.Errorf("the frame's buffer shows through: %+v", f)
	}
}

func TestDecodeClientAllocations(t *testing.T) {
	frame := []byte(`{"type":"message","content":"Hello, how can I help?","role":"USER","chatId":"c1","clientMessageId":"k1"}`)
	if n := testing.AllocsPerRun(200, func() { _, _ = DecodeClient(frame, Limits{}) }); n > 3 && !raceEnabled {
		t.Errorf("%v allocations, want one per string", n)
	}
}

func TestValidIDs(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "aZ09_-": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a/b": false, "..": false, "é": false, "a\x00": false, "a:b": false, "{a}": false,
	} {
		if ValidChatID(s) != want || ValidClientMessageID(s) != want {
			t.Errorf("%q: chat id %v, clientMessageId %v, want %v", s, ValidChatID(s), ValidClientMessageID(s), want)
		}
	}
}
