package nextapi

import (
	"bytes"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// reader walks a JSON text without copying it. Every method tells whether the text was as it should be.
// Escaped lone surrogates pass, since JavaScript writes them; the bytes themselves must be UTF-8.
type reader struct {
	dec     jsontext.Decoder
	src     bytes.Buffer
	body    []byte
	valid   bool
	scratch []byte
}

var (
	readers = sync.Pool{New: func() any { return new(reader) }}
	lenient = []jsontext.Options{jsontext.AllowInvalidUTF8(true)}
)

func newReader(body []byte) *reader {
	r := readers.Get().(*reader)
	r.body, r.valid = body, utf8.Valid(body)
	r.src = *bytes.NewBuffer(body)
	r.dec.Reset(&r.src, lenient...)
	return r
}

func (r *reader) free() {
	r.body, r.src = nil, bytes.Buffer{}
	r.dec.Reset(&r.src) // lets go of body
	if cap(r.scratch) > maxDrain {
		r.scratch = nil
	}
	readers.Put(r)
}

// document reads the whole text: one object and nothing else.
func (r *reader) document(member func(name []byte) bool) bool {
	return r.valid && r.object(member) && len(bytes.TrimSpace(r.body[r.dec.InputOffset():])) == 0
}

// object calls member with each name, which is good until the next read; member reads the value.
func (r *reader) object(member func(name []byte) bool) bool {
	return r.open('{') && r.members(member)
}

// members reads the rest of an object that is open.
func (r *reader) members(member func(name []byte) bool) bool {
	for r.dec.PeekKind() != '}' {
		name, ok := r.text()
		if !ok || !member(name) {
			return false
		}
	}
	_, err := r.dec.ReadToken()
	return err == nil
}

func (r *reader) array(element func() bool) bool {
	if !r.open('[') {
		return false
	}
	for r.dec.PeekKind() != ']' {
		if !element() {
			return false
		}
	}
	_, err := r.dec.ReadToken()
	return err == nil
}

func (r *reader) open(kind jsontext.Kind) bool {
	if r.dec.PeekKind() != kind {
		return false
	}
	_, err := r.dec.ReadToken()
	return err == nil
}

// message reads an object and returns its text as it came, and its id: "" when it has none that is fit to be one.
func (r *reader) message() (text []byte, id string, ok bool) {
	if !r.open('{') {
		return nil, "", false
	}
	from := r.dec.InputOffset() - 1
	ok = r.members(func(name []byte) bool {
		if string(name) != "id" || r.dec.PeekKind() != '"' {
			return r.skip()
		}
		raw, ok := r.text()
		if len(raw) <= maxStoredID {
			id = string(raw)
		}
		return ok
	})
	to := r.dec.InputOffset()
	return r.body[from:to:to], id, ok
}

func (r *reader) skip() bool { return r.dec.SkipValue() == nil }

func (r *reader) number() (int, bool) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 16)
	return int(n), err == nil
}

// text reads a string; the result is good until the next read.
func (r *reader) text() ([]byte, bool) {
	if r.dec.PeekKind() != '"' {
		return nil, false
	}
	raw, err := r.dec.ReadValue()
	if err != nil {
		return nil, false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	// Only lone surrogates are an error here, and they become U+FFFD.
	r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], raw)
	return r.scratch, true
}

// optionalText reads any value and keeps it if it is a string.
func (r *reader) optionalText() (s string, given, ok bool) {
	if r.dec.PeekKind() != '"' {
		return "", false, r.skip()
	}
	raw, ok := r.text()
	return string(raw), ok, ok
}
