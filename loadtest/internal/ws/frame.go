package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Opcodes of RFC 6455.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// maxMessage bounds what a server may make us hold, in bytes.
const maxMessage = 4 << 20

var (
	errMasked     = errors.New("ws: a server must not mask")
	errReserved   = errors.New("ws: reserved bits or opcode")
	errControl    = errors.New("ws: control frame too long or fragmented")
	errFragment   = errors.New("ws: fragments out of order")
	errTooLarge   = errors.New("ws: message too large")
	errTooLongLen = errors.New("ws: length not in its shortest form")
)

// appendFrame appends one final frame as a client must send it, masked.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	mask := rand.Uint32()
	dst = binary.LittleEndian.AppendUint32(dst, mask)
	start := len(dst)
	dst = append(dst, payload...)
	body := dst[start:]
	wide := uint64(mask)<<32 | uint64(mask)
	for len(body) >= 8 {
		binary.LittleEndian.PutUint64(body, binary.LittleEndian.Uint64(body)^wide)
		body = body[8:]
	}
	for i := range body {
		body[i] ^= byte(mask >> (8 * (i & 3)))
	}
	return dst
}

// decoder cuts a stream into frames. It keeps only what is incomplete.
type decoder struct {
	rest    []byte // an incomplete frame
	message []byte // fragments of an incomplete message
	partial bool
}

// feed takes the next bytes of the stream and calls handle with every message and control frame that they complete.
// The payload is valid during the call only.
func (d *decoder) feed(p []byte, handle func(op byte, payload []byte) error) error {
	if len(d.rest) > 0 {
		d.rest = append(d.rest, p...)
		p = d.rest
	}
	for {
		head, size, err := header(p)
		if err != nil {
			return err
		}
		if head == 0 || len(p) < head+size {
			break
		}
		if err := d.frame(p[0], p[head:head+size], handle); err != nil {
			return err
		}
		p = p[head+size:]
	}
	if len(p) == 0 {
		d.rest = nil // idle sockets hold nothing
	} else {
		d.rest = append(d.rest[:0], p...)
	}
	return nil
}

// header returns the length of the frame's head and body; a head of 0 means that more bytes are needed.
func header(p []byte) (head, size int, err error) {
	if len(p) < 2 {
		return 0, 0, nil
	}
	if p[1]&0x80 != 0 {
		return 0, 0, errMasked
	}
	size, head = int(p[1]), 2
	switch size {
	case 126:
		if len(p) < 4 {
			return 0, 0, nil
		}
		size, head = int(binary.BigEndian.Uint16(p[2:])), 4
		if size < 126 {
			return 0, 0, errTooLongLen
		}
	case 127:
		if len(p) < 10 {
			return 0, 0, nil
		}
		wide := binary.BigEndian.Uint64(p[2:])
		if wide > maxMessage {
			return 0, 0, errTooLarge
		}
		if wide <= 0xFFFF {
			return 0, 0, errTooLongLen
		}
		size, head = int(wide), 10
	}
	return head, size, nil
}

func (d *decoder) frame(first byte, payload []byte, handle func(byte, []byte) error) error {
	final, op := first&0x80 != 0, first&0x0F
	if first&0x70 != 0 {
		return errReserved
	}
	switch op {
	case opClose, opPing, opPong:
		if !final || len(payload) > 125 {
			return errControl
		}
		return handle(op, payload)
	case opText, opBinary:
		if d.partial {
			return errFragment
		}
		if final {
			return handle(op, payload)
		}
		d.message, d.partial = append([]byte(nil), payload...), true
		return nil
	case opContinuation:
		if !d.partial {
			return errFragment
		}
		if len(d.message)+len(payload) > maxMessage {
			return errTooLarge
		}
		d.message = append(d.message, payload...)
		if !final {
			return nil
		}
		whole := d.message
		d.message, d.partial = nil, false
		return handle(opText, whole)
	}
	return errReserved
}

// Closed is why Read ended when the server said goodbye.
type Closed struct {
	Code   int // 1005 when the close frame carries none
	Reason string
}

func (c *Closed) Error() string { return fmt.Sprintf("ws: closed %d %s", c.Code, c.Reason) }

func closed(payload []byte) *Closed {
	if len(payload) < 2 {
		return &Closed{Code: 1005}
	}
	return &Closed{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
}
