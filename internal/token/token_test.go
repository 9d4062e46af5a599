package token

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
)

const (
	secret    = "test-secret-of-at-least-32-bytes-0001"
	oldSecret = "test-secret-of-at-least-32-bytes-0000"
)

var (
	now  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	good = Claims{UserID: "user_1", ChatID: "chat-1", Authenticated: true, Role: "AGENT", ExpiresAt: now.Add(time.Hour)}
)

// signed mints a token of the good claims with changes; a nil value removes a claim.
func signed(t testing.TB, method jwt.SigningMethod, key any, changes map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{
		"userId": "user_1", "chatId": "chat-1", "isAuthenticated": true,
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
	}
	maps.Copy(claims, changes)
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		}
	}
	raw, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMintVerifyRoundTrip(t *testing.T) {
	v := NewVerifier([]string{secret}, 0)
	for _, c := range []Claims{
		good,
		{UserID: "anon_9f", ChatID: "c", ExpiresAt: now.Add(time.Second)},
		{UserID: "jürgen 日本", ChatID: strings.Repeat("x", MaxChatID), Role: "USER", ExpiresAt: now.Add(Lifetime)},
	} {
		raw, err := Mint(secret, c, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(raw, now)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if !got.ExpiresAt.Equal(c.ExpiresAt) {
			t.Errorf("expires %v, want %v", got.ExpiresAt, c.ExpiresAt)
		}
		got.ExpiresAt = c.ExpiresAt
		if got != c {
			t.Errorf("got %+v, want %+v", got, c)
		}
	}
}

func TestMintDefaults(t *testing.T) {
	raw, err := Mint(secret, Claims{UserID: "u", ChatID: "c"}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewVerifier([]string{secret}, 0).Verify(raw, now)
	if err != nil || !c.ExpiresAt.Equal(now.Add(2*time.Hour)) {
		t.Errorf("expires %v (%v), want two hours from now", c.ExpiresAt, err)
	}
	if _, err := Mint("", good, now); err == nil {
		t.Error("minted with an empty secret")
	}
}

func TestVerifyRefuses(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hs := func(changes map[string]any) string {
		return signed(t, jwt.SigningMethodHS256, []byte(secret), changes)
	}
	whole := hs(nil)
	parts := strings.Split(whole, ".")
	header := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }

	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"missing":               {"", ErrMissing},
		"not a token":           {"undefined", ErrInvalid},
		"four parts":            {whole + ".x", ErrInvalid},
		"oversized":             {hs(map[string]any{"pad": strings.Repeat("a", MaxLength)}), ErrInvalid},
		"alg none":              {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), ErrInvalid},
		"alg none, header only": {header(`{"alg":"none"}`) + "." + parts[1] + ".", ErrInvalid},
		"alg None, signed":      {header(`{"alg":"None","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrInvalid},
		"no alg":                {header(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrInvalid},
		"HS384":                 {signed(t, jwt.SigningMethodHS384, []byte(secret), nil), ErrInvalid},
		"HS512":                 {signed(t, jwt.SigningMethodHS512, []byte(secret), nil), ErrInvalid},
		"RS256":                 {signed(t, jwt.SigningMethodRS256, rsaKey, nil), ErrInvalid},
		"RS256 header, our mac": {header(`{"alg":"RS256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrInvalid},
		"another secret":        {signed(t, jwt.SigningMethodHS256, []byte(oldSecret), nil), ErrInvalid},
		"empty secret":          {signed(t, jwt.SigningMethodHS256, []byte{}, nil), ErrInvalid},
		"no signature":          {parts[0] + "." + parts[1] + ".", ErrInvalid},
		"loose base64":          {whole + "=", ErrInvalid},
		"expired":               {hs(map[string]any{"exp": now.Add(-6 * time.Second).Unix()}), ErrExpired},
		"expired, bad payload":  {hs(map[string]any{"exp": now.Add(-time.Hour).Unix(), "userId": nil}), ErrExpired},
		"no exp":                {hs(map[string]any{"exp": nil}), ErrInvalid},
		"exp 0":                 {hs(map[string]any{"exp": 0}), ErrInvalid},
		"exp a string":          {hs(map[string]any{"exp": "tomorrow"}), ErrInvalid},
		"exp out of range":      {hs(map[string]any{"exp": -1e300}), ErrExpired},
		"not yet":               {hs(map[string]any{"nbf": now.Add(6 * time.Second).Unix()}), ErrInvalid},
		"nbf a string":          {hs(map[string]any{"nbf": "now"}), ErrInvalid},
		"no userId":             {hs(map[string]any{"userId": nil}), ErrPayload},
		"empty userId":          {hs(map[string]any{"userId": ""}), ErrPayload},
		"userId a number":       {hs(map[string]any{"userId": 7}), ErrPayload},
		"userId in capitals":    {hs(map[string]any{"userId": nil, "USERID": "user_1"}), ErrPayload},
		"userId with a newline": {hs(map[string]any{"userId": "a\nb"}), ErrPayload},
		"userId too long":       {hs(map[string]any{"userId": strings.Repeat("ü", MaxUserID+1)}), ErrPayload},
		"no chatId":             {hs(map[string]any{"chatId": nil}), ErrPayload},
		"chatId an object":      {hs(map[string]any{"chatId": map[string]any{"a": 1}}), ErrPayload},
		"chatId a path":         {hs(map[string]any{"chatId": "../users/1"}), ErrPayload},
		"chatId too long":       {hs(map[string]any{"chatId": strings.Repeat("x", MaxChatID+1)}), ErrPayload},
		"isAuthenticated text":  {hs(map[string]any{"isAuthenticated": "true"}), ErrInvalid},
		"unknown role":          {hs(map[string]any{"role": "ADMIN"}), ErrInvalid},
		"role in lower case":    {hs(map[string]any{"role": "agent"}), ErrInvalid},
		"empty role":            {hs(map[string]any{"role": ""}), ErrInvalid},
		"role a list":           {hs(map[string]any{"role": []string{"USER"}}), ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewVerifier([]string{secret}, 0).Verify(c.raw, now)
			if !errors.Is(err, c.want) || got != (Claims{}) {
				t.Errorf("got %+v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestVerifyAccepts(t *testing.T) {
	for name, changes := range map[string]map[string]any{
		"within the leeway after exp":  {"exp": now.Add(-4 * time.Second).Unix()},
		"within the leeway before nbf": {"nbf": now.Add(4 * time.Second).Unix()},
		"no isAuthenticated":           {"isAuthenticated": nil},
		"a role that is null":          {"role": (*string)(nil)},
		"unknown claims":               {"aud": "chat", "x": []int{1}},
		"longest userId":               {"userId": strings.Repeat("ü", MaxUserID)},
	} {
		t.Run(name, func(t *testing.T) {
			raw := signed(t, jwt.SigningMethodHS256, []byte(secret), changes)
			if _, err := NewVerifier([]string{secret}, 0).Verify(raw, now); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLeeway(t *testing.T) {
	raw := signed(t, jwt.SigningMethodHS256, []byte(secret), map[string]any{"exp": now.Add(-2 * time.Second).Unix()})
	for leeway, want := range map[time.Duration]error{0: nil, 3 * time.Second: nil, time.Second: ErrExpired, -1: ErrExpired} {
		if _, err := NewVerifier([]string{secret}, leeway).Verify(raw, now); !errors.Is(err, want) {
			t.Errorf("leeway %v: %v, want %v", leeway, err, want)
		}
	}
}

func TestRotation(t *testing.T) {
	v := NewVerifier([]string{secret, "", oldSecret}, 0)
	for _, s := range []string{secret, oldSecret} {
		raw, err := Mint(s, good, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(raw, now); err != nil {
			t.Errorf("a token of one of two secrets: %v", err)
		}
	}
	empty := signed(t, jwt.SigningMethodHS256, []byte{}, nil)
	for _, secrets := range [][]string{nil, {""}, {"", secret}} {
		if _, err := NewVerifier(secrets, 0).Verify(empty, now); !errors.Is(err, ErrInvalid) {
			t.Errorf("a token signed with the empty secret: %v", err)
		}
	}
}

func TestErrorsTellNothing(t *testing.T) {
	raw := signed(t, jwt.SigningMethodHS256, []byte(oldSecret), map[string]any{"userId": "someone"})
	_, err := NewVerifier([]string{secret}, 0).Verify(raw, now)
	for _, hidden := range []string{raw, "someone", secret, "signature"} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%q tells %q", err, hidden)
		}
	}
}

func TestCloseReason(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   int
		reason string
	}{
		{ErrMissing, 4001, "Missing authentication token"},
		{ErrExpired, 4002, "Token expired"},
		{ErrInvalid, 4002, "Invalid token"},
		{ErrPayload, 4002, "Invalid token payload: missing userId or chatId"},
		{errors.Join(errors.New("upgrade"), ErrExpired), 4002, "Token expired"},
		{errors.New("something else"), 4000, "Internal error"},
	} {
		if code, reason := CloseReason(c.err); code != c.code || reason != c.reason {
			t.Errorf("%v: %d %q, want %d %q", c.err, code, reason, c.code, c.reason)
		}
	}
}

// FuzzVerify signs arbitrary claims, so that the fuzzer gets past the signature, and hands in the text unsigned as well.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		`{"userId":"u","chatId":"c","exp":1777640400}`, `{"userId":"u","chatId":"c","exp":9e99}`, `null`, `[]`, `{}`,
		`{"userId":1,"chatId":{},"exp":"x","role":[]}`, `{"userId":"u","chatId":"c","exp":1777640400.5,"isAuthenticated":true,"role":"AGENT"}`,
		"not.a.token", "a.b.c.d", "\x00", strings.Repeat("a", MaxLength+1),
	} {
		f.Add(seed)
	}
	v := NewVerifier([]string{secret}, 0)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := v.Verify(text, now); err == nil {
			t.Fatalf("an unsigned text was accepted: %+v", c)
		}
		body := header + "." + base64.RawURLEncoding.EncodeToString([]byte(text))
		mac, err := jwt.SigningMethodHS256.Sign(body, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Verify(body+"."+base64.RawURLEncoding.EncodeToString(mac), now)
		if err != nil {
			if code, _ := CloseReason(err); code != 4002 || c != (Claims{}) {
				t.Fatalf("refused with %v and %+v", err, c)
			}
			return
		}
		if !validChatID(c.ChatID) || c.UserID == "" || strings.ContainsFunc(c.UserID, unicode.IsControl) {
			t.Fatalf("accepted %+v", c)
		}
		if c.ExpiresAt.Before(now.Add(-DefaultLeeway)) {
			t.Fatalf("accepted a token that expired at %v", c.ExpiresAt)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	raw, err := Mint(secret, good, now)
	if err != nil {
		b.Fatal(err)
	}
	v := NewVerifier([]string{secret}, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(raw, now); err != nil {
			b.Fatal(err)
		}
	}
}
