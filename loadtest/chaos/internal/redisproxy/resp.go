package redisproxy

import (
	"bytes"
	"strconv"
)

// replyLen is the length of the first reply in p, 0 when it is not complete. It reads RESP2 and RESP3.
func replyLen(p []byte) int {
	end := bytes.Index(p, []byte("\r\n"))
	if end < 1 {
		return 0
	}
	head := end + 2
	switch p[0] {
	case '$', '=', '!': // bulk string, verbatim string, bulk error
		n, err := strconv.Atoi(string(p[1:end]))
		switch {
		case err != nil || n < 0:
			return head
		case len(p) < head+n+2:
			return 0
		}
		return head + n + 2
	case '*', '>', '~', '%', '|':
		n, err := strconv.Atoi(string(p[1:end]))
		if err != nil || n < 0 {
			return head
		}
		if p[0] == '%' || p[0] == '|' {
			n *= 2
		}
		if p[0] == '|' {
			n++ // an attribute stands before what it is about
		}
		for range n {
			part := replyLen(p[head:])
			if part == 0 {
				return 0
			}
			head += part
		}
		return head
	}
	return head
}

// Place is where a published entry stands in its chat's log. The offset is 0 for what is published without a place.
type Place struct {
	Chat   string
	Epoch  string
	Offset uint64
}

var (
	messageKind = []byte("\r\n$7\r\nmessage\r\n$")
	chatPrefix  = []byte("chat:")
	offsetMark  = []byte(`,"offset":`)
	epochMark   = []byte(`,"epoch":"`)
)

// published reads a pushed message of a chat's channel; ok is false for every other reply.
func published(reply []byte) (at Place, ok bool) {
	start := bytes.Index(reply[:min(len(reply), 40)], messageKind)
	if start < 0 {
		return at, false
	}
	rest := reply[start+len(messageKind):]
	_, rest, _ = bytes.Cut(rest, []byte("\r\n")) // the channel's length
	channel, payload, found := bytes.Cut(rest, []byte("\r\n"))
	chat, isChat := bytes.CutPrefix(channel, chatPrefix)
	if !found || !isChat || bytes.HasPrefix(chat, []byte(":")) { // chat::instances is no chat
		return at, false
	}
	at.Chat = string(chat)
	if i := bytes.LastIndex(payload, offsetMark); i >= 0 {
		digits, after, _ := bytes.Cut(payload[i+len(offsetMark):], epochMark)
		if offset, err := strconv.ParseUint(string(digits), 10, 64); err == nil {
			epoch, _, _ := bytes.Cut(after, []byte(`"`))
			at.Offset, at.Epoch = offset, string(epoch)
		}
	}
	return at, true
}
