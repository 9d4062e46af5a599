package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Mint signs a token for development and tests; in production the Next.js app does. Without ExpiresAt it lasts for
// Lifetime from now. It does not judge the claims, so that tests can mint bad ones; an empty secret is an error.
func Mint(secret string, c Claims, now time.Time) (string, error) {
	if secret == "" {
		return "", errors.New("token: mint: empty secret")
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = now.Add(Lifetime)
	}
	claims := jwt.MapClaims{
		claimUserID:        c.UserID,
		claimChatID:        c.ChatID,
		claimAuthenticated: c.Authenticated,
		claimIssued:        jwt.NewNumericDate(now),
		claimExpiry:        jwt.NewNumericDate(c.ExpiresAt),
	}
	if c.Role != "" {
		claims[claimRole] = c.Role
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("token: mint: %w", err)
	}
	return signed, nil
}
