package actors

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
)

// randomID returns 128 random bits as hex.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// shortChat is how a chat id appears in logs.
func shortChat(id string) string {
	if len(id) > 8 {
		return id[:8] + "…"
	}
	return id
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// panicText tells what went wrong without values that may hold content: run-time errors name only indexes and types.
func panicText(reason any) string {
	if err, ok := reason.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", reason)
}
