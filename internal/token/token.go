// Package token verifies and mints the JWTs that open a socket: HS256 with a shared secret. Any goroutine may call it,
// nothing blocks, and no error carries a token, a claim or a secret. It imports nothing of ours.
package token

import "time"

// Claims of a valid token.
type Claims struct {
	UserID        string
	ChatID        string // valid: [A-Za-z0-9_-]{1,64}
	Authenticated bool
	Role          string // optional: the only role that the socket may use (USER | ASSISTANT | AGENT), "" = none given
	ExpiresAt     time.Time
}

// Limits of what a token may be.
const (
	MaxLength     = 4096            // bytes of a token
	MaxUserID     = 128             // characters of userId
	MaxChatID     = 64              // characters of chatId
	Lifetime      = 2 * time.Hour   // of a minted token that names no expiry
	DefaultLeeway = 5 * time.Second // between this clock and the issuer's
)

// Names of the claims in a token.
const (
	claimUserID        = "userId"
	claimChatID        = "chatId"
	claimAuthenticated = "isAuthenticated"
	claimRole          = "role"
	claimExpiry        = "exp"
	claimIssued        = "iat"
)
