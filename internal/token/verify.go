package token

import (
	"errors"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier judges tokens. Safe for concurrent use.
type Verifier struct {
	keys   jwt.VerificationKeySet
	leeway time.Duration
}

// NewVerifier accepts tokens signed with any of the secrets: the current one and, while it is rotated, the one before.
// Empty secrets are left out, since anybody could sign with them; without any secret no token is valid. A leeway of 0
// means DefaultLeeway, a negative one none.
func NewVerifier(secrets []string, leeway time.Duration) *Verifier {
	if leeway == 0 {
		leeway = DefaultLeeway
	}
	v := &Verifier{leeway: max(leeway, 0)}
	for _, secret := range secrets {
		if secret != "" {
			v.keys.Keys = append(v.keys.Keys, []byte(secret))
		}
	}
	return v
}

// Verify checks signature, algorithm (HS256 only), expiry (required), not-before and claims as of now. The error is
// ErrMissing, ErrExpired, ErrInvalid or ErrPayload.
func (v *Verifier) Verify(raw string, now time.Time) (Claims, error) {
	if raw == "" {
		return Claims{}, ErrMissing
	}
	if len(raw) > MaxLength {
		return Claims{}, ErrInvalid
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(v.leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	// A map keeps names exact, where a struct would also take "USERID", and types visible.
	claims := jwt.MapClaims{}
	_, err := parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return v.keys, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, ErrExpired
	case err != nil:
		return Claims{}, ErrInvalid
	}
	return read(claims)
}

// read takes what we use out of verified claims.
func read(m jwt.MapClaims) (Claims, error) {
	var c Claims
	c.UserID, _ = m[claimUserID].(string)
	c.ChatID, _ = m[claimChatID].(string)
	if !validUserID(c.UserID) || !validChatID(c.ChatID) {
		return Claims{}, ErrPayload
	}
	var ok bool
	if c.Authenticated, ok = optional[bool](m, claimAuthenticated); !ok {
		return Claims{}, ErrInvalid
	}
	if c.Role, ok = optional[string](m, claimRole); !ok || !validRole(m[claimRole]) {
		return Claims{}, ErrInvalid
	}
	expiry, err := m.GetExpirationTime()
	if err != nil || expiry == nil {
		return Claims{}, ErrInvalid
	}
	c.ExpiresAt = expiry.Time
	return c, nil
}

// optional is a claim's value, or the zero value where it is missing or null; false when it has another type.
func optional[T any](m jwt.MapClaims, name string) (value T, ok bool) {
	if m[name] == nil {
		return value, true
	}
	value, ok = m[name].(T)
	return value, ok
}

func validRole(role any) bool {
	switch role {
	case nil, "USER", "ASSISTANT", "AGENT":
		return true
	}
	return false
}

func validUserID(s string) bool {
	if s == "" || len(s) > MaxUserID*utf8.UTFMax || utf8.RuneCountInString(s) > MaxUserID || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func validChatID(s string) bool {
	if s == "" || len(s) > MaxChatID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
