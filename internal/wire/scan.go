package wire

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// span is a piece of the scanned text. The zero span is a value that was not there.
type span struct{ from, to int }

func (v span) given() bool { return v.to > v.from }

// scanner walks JSON objects member by member and hands out spans of the text, so that what is not looked at is
// neither copied nor changed. The first error sticks; next then returns false. Not safe for concurrent use.
type scanner struct {
	dec     jsontext.Decoder
	src     bytes.Buffer
	text    []byte
	scratch []byte

	name   []byte // current member's name, unquoted; valid until the next call of next
	nameAt span   // its place, with quotes
	prev   int    // end of the value before it, or of the opening brace
	closed int    // place of the closing brace, once next has returned false
	err    error
}

// Lone surrogates in escapes pass (JavaScript writes them when a text is cut inside an emoji) and decode as U+FFFD;
// the text's own bytes must be UTF-8, which newScanner checks.
var (
	strict     = []jsontext.Options{jsontext.AllowInvalidUTF8(true)}
	duplicates = []jsontext.Options{jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)}
)

const maxScratch = 64 << 10 // bytes that an idle scanner keeps

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// newScanner borrows a scanner over text; free gives it back.
func newScanner(text []byte, options []jsontext.Options) *scanner {
	s := scanners.Get().(*scanner)
	s.src = *bytes.NewBuffer(text)
	s.text = text
	s.dec.Reset(&s.src, options...)
	if !utf8.Valid(text) {
		s.err = errSyntax
	}
	return s
}

func (s *scanner) free() {
	s.src = bytes.Buffer{}
	s.dec.Reset(&s.src) // lets go of text
	scratch := s.scratch[:0]
	if cap(scratch) > maxScratch {
		scratch = nil
	}
	s.text, s.name, s.scratch, s.err = nil, nil, scratch, nil
	scanners.Put(s)
}

// kind is the first byte of the next value ('0' for numbers), 0 when there is none.
func (s *scanner) kind() byte {
	if s.err != nil {
		return 0
	}
	return byte(s.dec.PeekKind())
}

// enter steps into the next value if it is an object, and returns the place of its brace.
func (s *scanner) enter() (brace int, ok bool) {
	if s.kind() != '{' {
		return 0, false
	}
	s.step()
	return s.pos() - 1, s.err == nil
}

// next moves to the object's next member, whose value must then be taken with skip or enter. At the end of the object
// it steps out and returns false.
func (s *scanner) next() bool {
	s.prev = s.pos()
	switch s.kind() {
	case 0:
		s.step() // brings the error to light
		return false
	case '}':
		s.step()
		s.closed = s.pos() - 1
		return false
	}
	quoted, err := s.dec.ReadValue()
	if err != nil {
		s.err = errSyntax
		return false
	}
	end := s.pos()
	s.nameAt = span{end - len(quoted), end}
	s.name = s.unquote(s.nameAt)
	return true
}

// skip takes the current member's value, whatever it is.
func (s *scanner) skip() span {
	from := s.pos()
	if s.err != nil || s.dec.SkipValue() != nil {
		s.err = errSyntax
		return span{}
	}
	for from < len(s.text) && bytes.IndexByte([]byte(": \t\r\n"), s.text[from]) >= 0 {
		from++
	}
	return span{from, s.pos()}
}

// finish tells whether the text was exactly one valid value.
func (s *scanner) finish() error {
	if s.err == nil {
		if _, err := s.dec.ReadToken(); err != io.EOF {
			s.err = errSyntax
		}
	}
	return s.err
}

func (s *scanner) step() {
	if _, err := s.dec.ReadToken(); err != nil {
		s.err = errSyntax
	}
}

func (s *scanner) pos() int { return int(s.dec.InputOffset()) }

func (s *scanner) raw(v span) []byte { return s.text[v.from:v.to] }

func (s *scanner) isString(v span) bool { return v.given() && s.text[v.from] == '"' }

func (s *scanner) isObject(v span) bool { return v.given() && s.text[v.from] == '{' }

// isNull is true for null and for what is not there: a client that has no value says either.
func (s *scanner) isNull(v span) bool { return !v.given() || s.text[v.from] == 'n' }

// unquote decodes a string that was scanned before. The result is valid until the next unquote or next.
func (s *scanner) unquote(v span) []byte {
	inner := s.text[v.from+1 : v.to-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	// The only error left is a lone surrogate, which has been replaced.
	s.scratch, _ = jsontext.AppendUnquote(s.scratch[:0], s.raw(v))
	return s.scratch
}

// str is the value of a string, "" for anything else.
func (s *scanner) str(v span) string {
	if !s.isString(v) {
		return ""
	}
	return string(s.unquote(v))
}

// boolean is the value of true and false.
func (s *scanner) boolean(v span) (value, ok bool) {
	if !v.given() {
		return false, false
	}
	c := s.text[v.from]
	return c == 't', c == 't' || c == 'f'
}

// whole is the value of a number that is written as an integer from 0 to 2^53.
func (s *scanner) whole(v span) (uint64, bool) {
	if !v.given() {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.raw(v)), 10, 64)
	return n, err == nil && n <= maxSafeWhole
}

// edit replaces a piece of a text by a JSON value; an empty span inserts.
type edit struct {
	at    span
	name  string // with what is around it, where a member is added
	value string
	quote bool // value is a text
}

func (e *edit) appendTo(dst []byte) []byte {
	dst = append(dst, e.name...)
	if e.quote {
		return appendQuoted(dst, e.value)
	}
	return append(dst, e.value...)
}

// rewrite appends the window of text to dst with the edits, which must not overlap, applied. Edits at one place
// keep their order.
func rewrite(dst, text []byte, window span, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.at.from, b.at.from) })
	from := window.from
	for i := range edits {
		e := &edits[i]
		dst = e.appendTo(append(dst, text[from:e.at.from]...))
		from = e.at.to
	}
	return append(dst, text[from:window.to]...)
}
