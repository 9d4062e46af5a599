package frames

import (
	"bytes"
	"strconv"
)

// Tag names one message of one run.
type Tag struct {
	Run    uint64 // random, so that another run's messages are told apart
	Chat   int
	Sender int // which of the chat's sockets
	Seq    uint32
}

// runDigits is the length of Run on the wire: 64 random bits in hexadecimal.
const runDigits = 16

const hex = "0123456789abcdef"

// Append appends the tag: only characters that a clientMessageId may have, at most 64.
func (t Tag) Append(dst []byte) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hex[t.Run>>shift&15])
	}
	dst = strconv.AppendInt(append(dst, '-'), int64(t.Chat), 10)
	dst = strconv.AppendInt(append(dst, '-'), int64(t.Sender), 10)
	return strconv.AppendUint(append(dst, '-'), uint64(t.Seq), 10)
}

// ParseTag reads a tag that ends p or stands before a space or a quote.
func ParseTag(p []byte) (t Tag, ok bool) {
	if end := bytes.IndexAny(p, " \""); end >= 0 {
		p = p[:end]
	}
	if len(p) < runDigits+1 || p[runDigits] != '-' {
		return Tag{}, false
	}
	for _, c := range p[:runDigits] {
		digit := bytes.IndexByte([]byte(hex), c)
		if digit < 0 {
			return Tag{}, false
		}
		t.Run = t.Run<<4 | uint64(digit)
	}
	var n [3]uint64
	p = p[runDigits:]
	for i := range n {
		if len(p) == 0 || p[0] != '-' {
			return Tag{}, false
		}
		if n[i], p, ok = number(p[1:]); !ok {
			return Tag{}, false
		}
	}
	t.Chat, t.Sender, t.Seq = int(n[0]), int(n[1]), uint32(n[2])
	return t, len(p) == 0
}

// number reads a decimal number below 2³¹ without leading zeros.
func number(p []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(p) && i < 10 && p[i] >= '0' && p[i] <= '9'; i++ {
		n = n*10 + uint64(p[i]-'0')
	}
	if i == 0 || (p[0] == '0' && i > 1) || n >= 1<<31 {
		return 0, nil, false
	}
	return n, p[i:], true
}
