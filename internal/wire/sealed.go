package wire

import (
	"bytes"
	"strconv"
)

// SealedPosition reads the position from the tail of a payload that the log sealed, without parsing what is before it.
// ok is false for anything else. On valid JSON a match is exact: unescaped quotes cannot stand inside a string, and
// the last brace closes the outermost object, so the two fields are that object's own.
func SealedPosition(payload []byte) (p Position, ok bool) {
	const epochField, offsetField = `,"epoch":"`, `,"offset":`
	rest, ok := bytes.CutSuffix(payload, []byte(`"}`))
	if !ok {
		return p, false
	}
	i := bytes.LastIndexByte(rest, '"')
	if i < 0 || !bytes.HasSuffix(rest[:i+1], []byte(epochField)) {
		return p, false
	}
	epoch := rest[i+1:]
	rest = rest[:i+1-len(epochField)]
	i = bytes.LastIndexByte(rest, ':')
	if i < 0 || !bytes.HasSuffix(rest[:i+1], []byte(offsetField)) {
		return p, false
	}
	offset, err := strconv.ParseUint(string(rest[i+1:]), 10, 64)
	if err != nil || offset == 0 || bytes.IndexByte(epoch, '\\') >= 0 {
		return p, false
	}
	return Position{Epoch: string(epoch), Offset: offset}, true
}

// OriginIs tells whether a payload is an ephemeral one that this instance made: closeData puts the origin last. It is exact on valid
// JSON, as SealedPosition is.
func OriginIs(payload []byte, origin string) bool {
	const field = `,"origin":"`
	rest, ok := bytes.CutSuffix(payload, []byte(`"}`))
	if !ok || len(rest) < len(field)+len(origin) {
		return false
	}
	from := len(rest) - len(origin)
	return string(rest[from:]) == origin && string(rest[from-len(field):from]) == field
}
