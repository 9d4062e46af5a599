package wire

import "bytes"

// outline is where everything is in a payload.
type outline struct {
	object                     span // from brace to brace
	typ, origin, offset, epoch span
	data                       dataFields
	stripped, unsealed         cutter // without chatId, origin, offset and epoch; without offset and epoch
}

// dataFields are the members of data that some type uses.
type dataFields struct {
	object                                                                                       bool
	closed, members                                                                              int
	id, updatedAt, clientMessageID, sender, agentName, userID, isTyping, role, status, messageID span
}

// outline finds everything; false when the text is no object with a string type.
func (s *scanner) outline(o *outline) bool {
	brace, ok := s.enter()
	if !ok {
		return false
	}
	for s.next() {
		s.outlineMember(o)
	}
	o.object = span{brace, s.closed + 1}
	return s.finish() == nil && s.isString(o.typ)
}

func (s *scanner) outlineMember(o *outline) {
	prev, name := s.prev, s.nameAt.from
	strip, unseal := false, false
	switch string(s.name) {
	case "type":
		o.typ = s.skip()
	case "chatId":
		strip = true
		s.skip()
	case "origin":
		o.origin, strip = s.skip(), true
	case "offset":
		o.offset, strip, unseal = s.skip(), true, true
	case "epoch":
		o.epoch, strip, unseal = s.skip(), true, true
	case "data":
		s.outlineData(&o.data)
	default:
		s.skip()
	}
	end := s.pos()
	o.stripped.member(prev, name, end, strip)
	o.unsealed.member(prev, name, end, unseal)
}

func (s *scanner) outlineData(d *dataFields) {
	if _, ok := s.enter(); !ok {
		s.skip()
		return
	}
	d.object = true
	for s.next() {
		d.members++
		at := d.field(s.name)
		if value := s.skip(); at != nil {
			*at = value
		}
	}
	d.closed = s.closed
}

func (d *dataFields) field(name []byte) *span {
	switch string(name) {
	case "id":
		return &d.id
	case "updatedAt":
		return &d.updatedAt
	case "clientMessageId":
		return &d.clientMessageID
	case "sender":
		return &d.sender
	case "agentName":
		return &d.agentName
	case "userId":
		return &d.userID
	case "isTyping":
		return &d.isTyping
	case "role":
		return &d.role
	case "status":
		return &d.status
	case "messageId":
		return &d.messageID
	}
	return nil
}

// position is the place in the log that a sealed payload names.
func (o *outline) position(s *scanner) (Position, bool) {
	p := Position{Epoch: s.str(o.epoch)}
	var ok bool
	p.Offset, ok = s.whole(o.offset)
	if !ok || p.Offset == 0 || p.Epoch == "" || !isPrintable(p.Epoch, MaxEpoch) {
		return Position{}, false
	}
	return p, true
}

// body makes the frame that raw input stands for: without the members that are ours to give, with chatId at the end,
// and with what pages cannot do without. Everything else stays byte for byte.
func (o *outline) body(s *scanner, typ, chatID string) []byte {
	edits := o.stripped.edits()
	d := &o.data
	if typ == TypeMessage && !s.isObject(d.sender) {
		edits = append(edits, put(d.sender, `,"sender":`, noSender, d.closed).first(d.members == 0))
	}
	if typ == TypeAgentJoined && !presentableName(s.str(d.agentName)) {
		edits = append(edits, put(d.agentName, `,"agentName":`, agentName, d.closed).quoted().first(d.members == 0))
	}
	inner := span{o.object.from, o.object.to - 1}
	b := make([]byte, 0, len(s.text)+32+len(chatID)+len(noSender))
	b = bytes.TrimRight(rewrite(b, s.text, inner, edits), " \t\r\n")
	return append(appendField(b, "chatId", chatID), '}') // type is always there, so a comma is right
}

// cutter gathers the edits that take members out of an object together with their commas.
type cutter struct {
	cuts [6]edit // four members at most, one comma, and one to spare for data
	n    int
	kept bool // a member stays
}

// member takes note of the next member: its name begins at name, its value ends at end, and prev is where the member
// before it, or the opening brace, ended. No name is cut twice, since repeated ones end the scan.
func (c *cutter) member(prev, name, end int, cut bool) {
	switch {
	case cut:
		c.add(prev, end)
	case !c.kept && c.n > 0:
		c.add(prev, name) // the comma after what was cut at the front
	}
	c.kept = c.kept || !cut
}

func (c *cutter) add(from, to int) {
	c.cuts[c.n] = edit{at: span{from, to}}
	c.n++
}

func (c *cutter) edits() []edit { return c.cuts[:c.n] }
