package wire

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
)

var lowerBase32 = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// DeriveID makes a message's id from who says what in which chat, so that a repeat has the same id on every instance
// and after every loss: 25 characters of [a-z0-9] with a leading c, as the API's own ids have; 120 bits of SHA-256.
func DeriveID(chatID, sender, clientMessageID string) string {
	parts := [...]string{chatID, sender, clientMessageID}
	text := make([]byte, 0, 256)
	for _, part := range parts {
		// The length before each part keeps ("ab","c") and ("a","bc") apart.
		text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	id := [25]byte{'c'}
	lowerBase32.Encode(id[1:], sum[:15])
	return string(id[:])
}

// SenderKey names the sender that idempotency, order, auth and read marks are about. All anonymous sockets of a chat
// are one, since their user ids change with each reconnect.
func SenderKey(userID string, authenticated bool) string {
	if !authenticated {
		return "anon"
	}
	return "u:" + userID
}

// MessageKey is the event key of a message with this id.
func MessageKey(id string) string { return messagePrefix + id }

const messagePrefix = "m:"

// FailedKey is the event key of the failure of a message with this id.
func FailedKey(id string) string { return "f:" + id }

// updateKey is the event key of one update of a message.
func updateKey(id, updatedAt string) string { return "u:" + id + ":" + updatedAt }

// HashKey is the event key of every other event: 128 bits of SHA-256 over its body, before it is sealed. ParsePayload
// gives the same key to the body that it makes of raw input and to that body once it is sealed.
func HashKey(body []byte) string {
	sum := sha256.Sum256(body)
	return "h:" + hex.EncodeToString(sum[:16])
}
