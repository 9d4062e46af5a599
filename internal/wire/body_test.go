package wire

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

const apiMessage = `{"id":"cm1","content":"Hi \u003c \"you\"","role":"USER","createdAt":"2026-05-01T11:59:59.900Z","sender":{"id":"u1","name":"Ada","email":"ada@example.com","avatar":null}}`

func TestMessageBody(t *testing.T) {
	const tail = `,"timestamp":"` + stamp + `","chatId":"c1"}`
	const s = `"sender":{"id":null}`
	for _, c := range []struct{ api, key, data string }{
		{apiMessage, "", `{"id":"cm1","content":"Hi \u003c \"you\"","role":"user","timestamp":"2026-05-01T11:59:59.900Z","sender":{"id":"u1","name":"Ada","email":"ada@example.com","avatar":null}}`},
		{apiMessage, "k1", `{"id":"cm1","content":"Hi \u003c \"you\"","role":"user","timestamp":"2026-05-01T11:59:59.900Z","sender":{"id":"u1","name":"Ada","email":"ada@example.com","avatar":null},"clientMessageId":"k1"}`},
		{`{"id":"1","createdAt":"t","sender":null}`, "", `{"id":"1","timestamp":"t","sender":` + noSender + `}`},
		{`{"id":"1","createdAt":"t","sender":"x"}`, "", `{"id":"1","timestamp":"t","sender":` + noSender + `}`},
		{`{"id":"1","createdAt":"t"}`, "k", `{"id":"1","timestamp":"t","sender":` + noSender + `,"clientMessageId":"k"}`},
		{`{"id":"1",` + s + `}`, "", `{"id":"1",` + s + `,"timestamp":"` + stamp + `"}`},
		{`{"id":"1",` + s + `,"timestamp":"t"}`, "", `{"id":"1",` + s + `,"timestamp":"t"}`},
		{`{"timestamp":0,"createdAt":"t","id":"1",` + s + `}`, "", `{"timestamp":"t","createdAt":"t","id":"1",` + s + `}`},
		{`{"id":"1","clientMessageId":"old","createdAt":"t",` + s + `}`, "new", `{"id":"1","clientMessageId":"new","timestamp":"t",` + s + `}`},
		{`{"id":"1","clientMessageId":"old","createdAt":"t",` + s + `}`, "", `{"id":"1","clientMessageId":"old","timestamp":"t",` + s + `}`},
		{"\n{ \"id\" : \"1\" ,\t\"x\":[1.50,{\"role\":\"USER\"}], \"role\":\"AS\\u0053ISTANT\", \"cre\\u0061tedAt\":7 , " + s + " } ", "",
			"{ \"id\" : \"1\" ,\t\"x\":[1.50,{\"role\":\"USER\"}], \"role\":\"assistant\", \"timestamp\":7 , " + s + " }"},
		{`{"id":"1","createdAt":"t","role":null,"content":"\ud83d",` + s + `}`, "", `{"id":"1","timestamp":"t","role":null,"content":"\ud83d",` + s + `}`},
	} {
		got, err := MessageBody("c1", []byte(c.api), c.key, now)
		if err != nil {
			t.Errorf("%s: %v", c.api, err)
		} else if want := `{"type":"message","data":` + c.data + tail; string(got.Body) != want {
			t.Errorf("%s:\n got %s\nwant %s", c.api, got.Body, want)
		}
	}
	if got, _ := MessageBody("c1", []byte(apiMessage), "", now); got.ID != "cm1" {
		t.Errorf("id %q", got.ID)
	}
}

func TestMessageBodyRefuses(t *testing.T) {
	for api, want := range map[string]error{
		``: errSyntax, `null`: errSyntax, `[]`: errSyntax, `{"id":"1"`: errSyntax, `{"id":"1"}x`: errSyntax, `{"id":"1","id":"2"}`: errSyntax,
		"{\"id\":\"1\",\"a\":\"\xff\"}": errSyntax,
		`{}`:                            errNoID, `{"id":7}`: errNoID, `{"id":""}`: errNoID, `{"id":"a\nb"}`: errNoID, `{"id":null}`: errNoID,
		`{"id":"` + strings.Repeat("x", MaxID+1) + `"}`:         errNoID,
		`{"id":"1","x":"` + strings.Repeat("x", 256<<10) + `"}`: ErrTooLarge,
	} {
		if got, err := MessageBody("c1", []byte(api), "", now); !errors.Is(err, want) || got.Body != nil {
			t.Errorf("%.60s: got %s, %v; want %v", api, got.Body, err, want)
		}
	}
}

func TestWithoutEmail(t *testing.T) {
	for payload, want := range map[string]string{
		`{"type":"message","data":{"sender":{"id":"1","email":"a@b.c","name":"A"}},"x":1}`:                             `{"type":"message","data":{"sender":{"id":"1","email":null,"name":"A"}},"x":1}`,
		`{"data":{"sender":{"em\u0061il" : "a@b.c" }}}`:                                                                `{"data":{"sender":{"em\u0061il" : null }}}`,
		`{"d\u0061ta":{"sen\u0064er":{"\u0065mail":"a"}}}`:                                                             `{"d\u0061ta":{"sen\u0064er":{"\u0065mail":null}}}`,
		`{"data":{"sender":{"email":"a","email":"b"},"sender":{"email":{"x":"c"}}},"data":{"sender":{"email":["d"]}}}`: `{"data":{"sender":{"email":null,"email":null},"sender":{"email":null}},"data":{"sender":{"email":null}}}`,
		"{\n\"data\" :\t{ \"sender\":\r{\"email\"\n:\n\"a\"\n}\n}\n}\n":                                                "{\n\"data\" :\t{ \"sender\":\r{\"email\"\n:\nnull\n}\n}\n}\n",
		`{"data":{"sender":{"email":7}}}`:                                                                              `{"data":{"sender":{"email":null}}}`,
		`{"data":{"sender":{"email":"\ud83d"}}}`:                                                                       `{"data":{"sender":{"email":null}}}`,
		`{"data":{"sender":{"email":"a"`:                                                                               "",
		"{\"data\":{\"sender\":{\"email\":\"\xff\"}}}":                                                                 "",
		`{"data":{"sender":{"email":"a"}}}}`:                                                                           "",
	} {
		if got := WithoutEmail([]byte(payload)); string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", payload, got, want)
		}
	}
}

func TestWithoutEmailKeepsWhatHasNone(t *testing.T) {
	for _, payload := range []string{
		`{"type":"typing","data":{"userId":"u"}}`,
		`{"type":"message","data":{"content":"my email is \"a@b.c\"","sender":{"id":"1","email":null}}}`,
		`{"email":"a","data":{"email":"b","x":{"sender":{"email":"c"}},"sender":{"x":{"email":"d"}}}}`,
		`{"data":[{"sender":{"email":"a"}}]}`, `"email"`, `{"data":{"sender":"email"}}`, `{"data":{"sender":{"Email":"e"}}}`,
	} {
		in := []byte(payload)
		var got []byte
		if n := testing.AllocsPerRun(100, func() { got = WithoutEmail(in) }); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", payload, n)
		}
		if len(got) == 0 || &got[0] != &in[0] || string(got) != payload {
			t.Errorf("%s: became %s", payload, got)
		}
	}
}

func TestDeriveID(t *testing.T) {
	form := regexp.MustCompile(`^c[a-z0-9]{24}$`)
	seen := map[string][3]string{}
	for _, parts := range [][3]string{
		{"chat", "u:1", "k"}, {"chatu", ":1", "k"}, {"chat", "u:1k", ""}, {"", "chatu:1", "k"}, {"chat", "anon", "k"}, {"chat", "u:1", "K"}, {"", "", ""},
	} {
		id := DeriveID(parts[0], parts[1], parts[2])
		if !form.MatchString(id) || !validID(id) {
			t.Errorf("%v: %q has another form", parts, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%v and %v have one id", parts, other)
		}
		seen[id] = parts
	}
	// Repeats after an upgrade of this server must find the rows that it stored before.
	if id := DeriveID("chat", "u:1", "k"); id != "cct94mgmer560tt752i6qjdo0" {
		t.Errorf("the derivation changed: %s", id)
	}
}

func TestSenderKey(t *testing.T) {
	for _, c := range []struct {
		userID        string
		authenticated bool
		want          string
	}{{"anon_1", false, "anon"}, {"anon_2", false, "anon"}, {"user_1", true, "u:user_1"}, {"anon", true, "u:anon"}} {
		if got := SenderKey(c.userID, c.authenticated); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
