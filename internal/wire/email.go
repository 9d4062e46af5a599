package wire

import "bytes"

// WithoutEmail returns the payload with data.sender.email set to null, for sockets that may not see the address.
// It returns the same slice, without allocating, when there is no address, and nil when the payload is no JSON, which
// the caller drops. Repeated members and escaped names hide nothing.
func WithoutEmail(payload []byte) []byte {
	if hasNoEmail(payload) {
		return payload
	}
	s := newScanner(payload, duplicates)
	defer s.free()
	var edits []edit
	if _, ok := s.enter(); ok {
		edits = s.emails([]string{"data", "sender"}, nil)
	} else {
		s.skip()
	}
	switch {
	case s.finish() != nil:
		return nil
	case len(edits) == 0:
		return payload
	}
	return rewrite(make([]byte, 0, len(payload)), payload, span{0, len(payload)}, edits)
}

// hasNoEmail tells of most payloads without an address that they have none, without parsing them: whatever is called
// email is null. A name can only be spelled otherwise with an escape.
func hasNoEmail(payload []byte) bool {
	for rest := payload; ; {
		_, after, found := bytes.Cut(rest, []byte("email"))
		switch {
		case !found:
			return bytes.IndexByte(payload, '\\') < 0
		case !bytes.HasPrefix(after, []byte(`":null`)):
			return false
		}
		rest = after
	}
}

// emails collects what to overwrite in the object that was entered: members "email" at the end of the path.
func (s *scanner) emails(path []string, edits []edit) []edit {
	for s.next() {
		if len(path) > 0 && string(s.name) == path[0] {
			if _, ok := s.enter(); ok {
				edits = s.emails(path[1:], edits)
				continue
			}
		}
		hides := len(path) == 0 && string(s.name) == "email"
		if value := s.skip(); hides && !s.isNull(value) {
			edits = append(edits, edit{at: value, value: "null"})
		}
	}
	return edits
}
