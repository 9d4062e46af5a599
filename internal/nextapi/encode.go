package nextapi

import "github.com/go-json-experiment/json/jsontext"

// timeFormat is what JavaScript's toISOString writes: UTC, milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// appendBatch encodes as many messages as fit into MaxBatchBytes, at least one, and tells how many.
func appendBatch(dst []byte, messages []Message) (body []byte, n int) {
	dst = append(dst, `{"messages":[`...)
	for i := range messages {
		before := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendItem(dst, &messages[i])
		if i > 0 && len(dst)+len(`]}`) > MaxBatchBytes {
			dst = dst[:before]
			break
		}
		n++
	}
	return append(dst, `]}`...), n
}

func appendItem(dst []byte, m *Message) []byte {
	dst = appendText(append(dst, `{"id":`...), m.ID)
	dst = appendText(append(dst, `,"chatId":`...), m.ChatID)
	dst = appendText(append(dst, `,"content":`...), m.Content)
	dst = appendText(append(dst, `,"role":`...), m.Role)
	dst = appendText(append(dst, `,"userId":`...), m.UserID)
	dst = appendText(append(dst, `,"clientMessageId":`...), m.ClientMessageID)
	dst = append(dst, `,"sentAt":"`...)
	dst = m.SentAt.UTC().AppendFormat(dst, timeFormat)
	return append(dst, `"}`...)
}

// appendSingle encodes the single route's request. It tells only what that route knows.
func appendSingle(dst []byte, m Message) []byte {
	dst = appendText(append(dst, `{"content":`...), m.Content)
	dst = appendText(append(dst, `,"role":`...), m.Role)
	dst = appendText(append(dst, `,"userId":`...), m.UserID)
	return append(dst, '}')
}

// appendText quotes s. The error only tells that s was not UTF-8; such bytes are then replaced, as they must be.
func appendText(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
