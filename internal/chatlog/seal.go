package chatlog

import (
	"bytes"
	"strconv"
)

const jsonSpace = " \t\r\n"

// Seal returns the payload that an entry with this body has at a position: the body with "offset" and "epoch" as its
// last members. The body must be a JSON object that has neither; only its braces are looked at. nil means that they
// are missing. Every implementation seals to the same bytes.
func Seal(body []byte, at Position) []byte {
	open, ok := unclosed(body)
	if !ok {
		return nil
	}
	const room = len(`,"offset":,"epoch":""}`) + 20
	sealed := make([]byte, 0, len(open)+room+len(at.Epoch))
	sealed = appendStem(sealed, open)
	sealed = append(sealed, `"offset":`...)
	sealed = strconv.AppendUint(sealed, at.Offset, 10)
	sealed = append(sealed, `,"epoch":"`...)
	sealed = append(sealed, at.Epoch...)
	return append(sealed, `"}`...)
}

// stem is the part of a sealed payload that is known before its position is.
func stem(body []byte) string {
	open, ok := unclosed(body)
	if !ok {
		return ""
	}
	return string(appendStem(make([]byte, 0, len(open)+1), open))
}

// unclosed cuts the closing brace and the space around it.
func unclosed(body []byte) ([]byte, bool) {
	body = bytes.Trim(body, jsonSpace)
	if len(body) < 2 || body[0] != '{' || body[len(body)-1] != '}' {
		return nil, false
	}
	return bytes.TrimRight(body[:len(body)-1], jsonSpace), true
}

func appendStem(dst, open []byte) []byte {
	dst = append(dst, open...)
	if len(open) > 1 {
		dst = append(dst, ',')
	}
	return dst
}
