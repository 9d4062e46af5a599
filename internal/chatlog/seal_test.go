package chatlog

import (
	"encoding/json"
	"strconv"
	"testing"
)

func TestSealGolden(t *testing.T) {
	at := Position{"0192c0ffee00deadbeef", 7}
	const tail = `"offset":7,"epoch":"0192c0ffee00deadbeef"}`
	for body, want := range map[string]string{
		`{"a":1}`:           `{"a":1,` + tail,
		" {\"a\":{} \n} \t": `{"a":{},` + tail,
		`{}`:                `{` + tail,
		`{ }`:               `{` + tail,
		`{"a":"}"}`:         `{"a":"}",` + tail,
		`[]`:                ``,
		`{`:                 ``,
		`}`:                 ``,
		`"x"`:               ``,
		``:                  ``,
	} {
		if got := string(Seal([]byte(body), at)); got != want {
			t.Errorf("Seal(%q) = %q, want %q", body, got, want)
		}
		if got := stem([]byte(body)); want != "" && got+tail != want || want == "" && got != "" {
			t.Errorf("stem(%q) = %q", body, got)
		}
	}
}

func FuzzSeal(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, " {\n\"b\":[{}]\t} ", `{"a":"}`, `[]`, `{}}`, "{\u00a0}"} {
		f.Add([]byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, offset uint64) {
		at := Position{newEpoch(int64(offset >> 20)), offset}
		before := string(body)
		sealed := Seal(body, at)
		if string(body) != before {
			t.Fatal("the body was changed")
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) != nil || members == nil {
			return // what is no object is the caller's fault; it must only not panic
		}
		delete(members, "offset")
		delete(members, "epoch")
		var got map[string]json.RawMessage
		if err := json.Unmarshal(sealed, &got); err != nil {
			t.Fatalf("%q is sealed to %q: %v", body, sealed, err)
		}
		if string(got["offset"]) != strconv.FormatUint(at.Offset, 10) || string(got["epoch"]) != strconv.Quote(at.Epoch) {
			t.Fatalf("%q has not position %+v", sealed, at)
		}
		for name, value := range members {
			if string(got[name]) != string(value) {
				t.Fatalf("member %q became %q", value, got[name])
			}
		}
		if len(got) != len(members)+2 {
			t.Fatalf("%q has other members than %q", sealed, body)
		}
	})
}
