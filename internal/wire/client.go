package wire

import (
	"strconv"
	"unicode/utf8"
)

// Details that say what would have been right.
const (
	detailFrame           = "a frame is one JSON object in UTF-8 without repeated keys"
	detailChatID          = "chatId: 1 to 64 characters of A-Z a-z 0-9 _ -"
	detailClientMessageID = "clientMessageId: 1 to 64 characters of A-Z a-z 0-9 _ -"
	detailRole            = "role: USER, ASSISTANT or AGENT"
	detailToken           = "token: a string of 1 to 4096 bytes"
	detailEpoch           = "epoch: a string of at most 64 printable characters"
	detailOffset          = "offset: an integer from 0 to 2^53"
	detailMessageID       = "messageId: 1 to 128 printable characters"
)

// clientFields are the members of a frame that some kind uses.
type clientFields struct {
	typ, chatID, clientMessageID, content, role, isTyping, token, epoch, offset, messageID span
}

// field is the place of the member's value, nil for a member that nobody uses.
func (c *clientFields) field(name []byte) *span {
	switch string(name) {
	case "type":
		return &c.typ
	case "chatId":
		return &c.chatID
	case "clientMessageId":
		return &c.clientMessageID
	case "content":
		return &c.content
	case "role":
		return &c.role
	case "isTyping":
		return &c.isTyping
	case "token":
		return &c.token
	case "epoch":
		return &c.epoch
	case "offset":
		return &c.offset
	case "messageId":
		return &c.messageID
	}
	return nil
}

// clientDecoder reads one frame: first where everything is, then what its kind needs.
type clientDecoder struct {
	*scanner
	clientFields
	lim Limits
}

// DecodeClient decodes and validates one frame from a client. It is strict: one JSON object in UTF-8, no repeated
// keys, nothing after it. Unknown members are skipped, an optional member that is null counts as not given, and a lone
// surrogate (\ud83d) becomes U+FFFD. A refused frame comes back with the Kind (KindIgnored when unknown), ChatID and
// ClientMessageID that could be read and are valid, so that the answer can name them; no other field is set then.
// The frame's bytes are not kept. Safe for concurrent use.
func DecodeClient(frame []byte, lim Limits) (ClientFrame, *Error) {
	lim = lim.orDefault()
	if len(frame) > lim.MaxFrame {
		return ClientFrame{}, NewError(BadFrame, "a frame has at most "+strconv.Itoa(lim.MaxFrame)+" bytes")
	}
	d := clientDecoder{scanner: newScanner(frame, strict), lim: lim}
	defer d.free()
	if fault := d.outline(); fault != nil {
		return d.named(), fault
	}
	f := d.named()
	if fault := d.fill(&f); fault != nil {
		return d.named(), fault
	}
	return f, nil
}

// outline finds the members of the frame.
func (d *clientDecoder) outline() *Error {
	if _, ok := d.enter(); !ok {
		return d.noObject()
	}
	for d.next() {
		at := d.field(d.name)
		if value := d.skip(); at != nil {
			*at = value
		}
	}
	if d.finish() != nil {
		return NewError(BadFrame, detailFrame)
	}
	return nil
}

// noObject judges a frame that is no object: null was always a broken frame, the rest has no type that we know.
func (d *clientDecoder) noObject() *Error {
	null := d.kind() == 'n'
	d.skip()
	if null || d.finish() != nil {
		return NewError(BadFrame, detailFrame)
	}
	return NewError(UnknownType, "")
}

// named is the part of the frame that tells which frame it is, as far as it is valid.
func (d *clientDecoder) named() ClientFrame {
	var f ClientFrame
	if d.isString(d.typ) {
		f.Kind = kindOf(d.unquote(d.typ))
	}
	if id := d.str(d.chatID); ValidChatID(id) {
		f.ChatID = id
	}
	if id := d.str(d.clientMessageID); ValidClientMessageID(id) {
		f.ClientMessageID = id
	}
	return f
}

func kindOf(name []byte) Kind {
	switch string(name) {
	case "message":
		return KindMessage
	case "typing":
		return KindTyping
	case "agent_joined":
		return KindAgentJoined
	case "ping":
		return KindPing
	case "resume":
		return KindResume
	case "subscribe":
		return KindSubscribe
	case "unsubscribe":
		return KindUnsubscribe
	case "auth":
		return KindAuth
	case "read":
		return KindRead
	}
	return KindIgnored
}

// fill reads what the frame's kind uses.
func (d *clientDecoder) fill(f *ClientFrame) *Error {
	switch f.Kind {
	case KindIgnored:
		return NewError(UnknownType, "")
	case KindPing:
		return nil
	case KindTyping:
		if _, ok := d.boolean(d.isTyping); !ok {
			f.Kind = KindIgnored
			return nil
		}
	}
	if f.ChatID == "" && !d.isNull(d.chatID) {
		return NewError(BadFrame, detailChatID)
	}
	switch f.Kind {
	case KindMessage:
		return d.message(f)
	case KindTyping:
		f.IsTyping, _ = d.boolean(d.isTyping)
	case KindResume:
		return d.resume(f)
	case KindSubscribe, KindAuth:
		return d.withToken(f)
	case KindRead:
		return d.read(f)
	}
	return nil
}

func (d *clientDecoder) message(f *ClientFrame) *Error {
	if f.ClientMessageID == "" && !d.isNull(d.clientMessageID) {
		return NewError(BadFrame, detailClientMessageID)
	}
	if !d.isString(d.content) || !d.isString(d.role) {
		return NewError(MissingField, "")
	}
	switch string(d.unquote(d.role)) {
	case string(RoleUser):
		f.Role = RoleUser
	case string(RoleAssistant):
		f.Role = RoleAssistant
	case string(RoleAgent):
		f.Role = RoleAgent
	default:
		return NewError(MissingField, detailRole)
	}
	content := trimJS(d.unquote(d.content))
	if len(content) == 0 {
		return NewError(MissingField, "")
	}
	if len(content) > d.lim.MaxContent && utf8.RuneCount(content) > d.lim.MaxContent {
		return NewError(ContentTooLong, "content: at most "+strconv.Itoa(d.lim.MaxContent)+" characters")
	}
	f.Content = string(content)
	return nil
}

func (d *clientDecoder) resume(f *ClientFrame) *Error {
	if !d.epoch.given() {
		return missing(detailEpoch)
	}
	if !d.offset.given() {
		return missing(detailOffset)
	}
	epoch := d.str(d.epoch)
	if !d.isString(d.epoch) || !isPrintable(epoch, MaxEpoch) {
		return NewError(BadFrame, detailEpoch)
	}
	offset, ok := d.whole(d.offset)
	if !ok {
		return NewError(BadFrame, detailOffset)
	}
	f.Position = Position{Epoch: epoch, Offset: offset}
	return nil
}

func (d *clientDecoder) withToken(f *ClientFrame) *Error {
	if d.isNull(d.token) {
		return missing(detailToken)
	}
	token := d.str(d.token)
	if token == "" || len(token) > MaxToken {
		return NewError(BadFrame, detailToken)
	}
	f.Token = token
	return nil
}

func (d *clientDecoder) read(f *ClientFrame) *Error {
	if d.isNull(d.messageID) {
		return missing(detailMessageID)
	}
	id := d.str(d.messageID)
	if !validID(id) {
		return NewError(BadFrame, detailMessageID)
	}
	f.MessageID = id
	return nil
}

// missing is MISSING_FIELD for the kinds that have neither content nor role.
func missing(detail string) *Error {
	e := NewError(MissingField, detail)
	e.Text = TextMissingOther
	return e
}
