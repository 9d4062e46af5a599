package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"eclipse/internal/fakeapi"
)

// sign makes a token of any kind.
func sign(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	good := func(without ...string) jwt.MapClaims {
		c := jwt.MapClaims{"userId": "user_1", "chatId": "chat-1", "isAuthenticated": true, "exp": time.Now().Add(time.Hour).Unix()}
		for _, name := range without {
			delete(c, name)
		}
		return c
	}
	expired := good()
	expired["exp"] = time.Now().Add(-time.Hour).Unix()
	hs256 := func(c jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, []byte(jwtSecret), c) }
	signed := hs256(good())
	head, rest, _ := strings.Cut(signed, ".")
	body, _, _ := strings.Cut(rest, ".")
	const invalid, payload = "Invalid token", "Invalid token payload: missing userId or chatId"
	for _, c := range []struct {
		name, token string
		code        int
		reason      string
		fault       string // label of its counter
	}{
		{"missing", "-", 4001, "Missing authentication token", "missing"},
		{"expired", hs256(expired), 4002, "Token expired", "expired"},
		{"no expiry", hs256(good("exp")), 4002, invalid, "invalid"},
		{"HS512", sign(t, jwt.SigningMethodHS512, []byte(jwtSecret), good()), 4002, invalid, "invalid"},
		{"HS384", sign(t, jwt.SigningMethodHS384, []byte(jwtSecret), good()), 4002, invalid, "invalid"},
		{"none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()), 4002, invalid, "invalid"},
		{"wrong secret", sign(t, jwt.SigningMethodHS256, []byte(apiSecret), good()), 4002, invalid, "invalid"},
		{"signature cut off", head + "." + body + ".", 4002, invalid, "invalid"},
		{"garbage", "garbage", 4002, invalid, "invalid"},
		{"oversized", hs256(jwt.MapClaims{"userId": strings.Repeat("u", 5000)}), 4002, invalid, "invalid"},
		{"no userId", hs256(good("userId")), 4002, payload, "payload"},
		{"no chatId", hs256(good("chatId")), 4002, payload, "payload"},
		{"userId is a number", hs256(jwt.MapClaims{"userId": 7, "chatId": "c", "exp": time.Now().Add(time.Hour).Unix()}), 4002, payload, "payload"},
	} {
		before := r.metric(`bad_tokens_total{reason="` + c.fault + `"}`)
		socket := r.open(t, opening{token: c.token})
		equal(t, c.name, socket.closed(), ending{c.code, c.reason})
		equal(t, "frames with token "+c.name, len(socket.all()), 0)
		equal(t, "counter of "+c.name, r.metric(`bad_tokens_total{reason="`+c.fault+`"}`), before+1)
	}
	r.dial(t, opening{token: signed})
	equal(t, "connections", r.health().num("connections", "total"), 1)
}

// TestTokenOutsideOfTheURL carries the token in each way that keeps it out of access logs.
func TestTokenOutsideOfTheURL(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	o := opening{chat: newChat(), user: "user_1", v1: true}
	byProtocol, response, err := o.try(t, r)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "protocol that is echoed", response.Header.Get("Sec-WebSocket-Protocol"), "eclipse.v1")
	equal(t, "keys of connected by subprotocol", byProtocol.next("connected").keys(), "chatId epoch offset presence read timestamp type")
	byHeader := r.dial(t, opening{token: "-", query: "v=1", header: http.Header{"Authorization": {"Bearer " + o.mint(t)}}})
	byHeader.say(words("hello"))
	equal(t, "keys of a message", byProtocol.next("message").keys(), "chatId data epoch offset timestamp type")
}

// TestRepeatedBadTokensAreHeld plays the page that comes back every second for ever.
func TestRepeatedBadTokensAreHeld(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	same := opening{token: "garbage", header: http.Header{"Fly-Client-Ip": {"192.0.2.1"}}}
	var took []time.Duration
	for range 3 {
		start := time.Now()
		equal(t, "end", r.open(t, same).closed(), ending{4002, "Invalid token"})
		took = append(took, time.Since(start))
	}
	if took[0] > 900*time.Millisecond || took[1] < 950*time.Millisecond || took[2] < 1900*time.Millisecond {
		t.Errorf("held for %v", took)
	}
	start := time.Now()
	other := opening{token: "garbage"}
	r.open(t, other).closed()
	if held := time.Since(start); held > 900*time.Millisecond {
		t.Errorf("another address was held for %v", held)
	}
	held := r.open(t, same)
	r.reaches("held_sockets", 1)
	r.dial(t, opening{chat: newChat(), user: "user_1", header: same.header})
	equal(t, "end of a held socket that is still there", held.closed().code, 4002)
	eventually(t, "nothing is held", func() bool { return r.metric("held_sockets") == 0 })
}

func TestTokenThatExpiresWhileOpen(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	chat := newChat()
	short := func(user string, v1 bool) *Client {
		c := r.open(t, opening{chat: chat, user: user, lives: 3 * time.Second, v1: v1})
		c.wait("connected", func() bool { return count(c.frames, "connected") > 0 })
		return c
	}
	old, c, renewed := short("user_1", false), short("user_1", true), short("user_2", true)
	equal(t, "keys of token_expiring", c.next("token_expiring").keys(), "chatId expiresAt type")
	renewed.sendJSON(frame{"type": "auth", "token": opening{chat: chat, user: "user_1"}.mint(t)})
	equal(t, "code for another's token", renewed.next("error").str("code"), "TOKEN_INVALID")
	renewed.sendJSON(frame{"type": "auth", "token": opening{chat: chat, user: "user_2"}.mint(t)})
	renewed.next("authenticated")
	equal(t, "end", c.closed(), ending{4003, "Token expired"})
	renewed.settle()
	old.settle() // part 1 knows no expiry of an open socket
}

// TestConnectedComesFirst also where there is something more urgent to say: the token is about to expire.
func TestConnectedComesFirst(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	for range 10 {
		c := r.open(t, opening{chat: newChat(), user: "user_1", lives: 30 * time.Second, v1: true})
		c.next("token_expiring")
		equal(t, "first frame", c.all()[0].typ(), "connected")
	}
}
