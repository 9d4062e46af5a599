package frames

// MinSize is the least size of a message's content, in bytes: the longest tag.
const MinSize = 64

const filler = "abcdefghijklmnopqrstuvwxyz0123456789 "

// AppendMessage appends a message frame whose content is the tag, filled up to size bytes. The clientMessageId is the tag
// too; an old client (v1 false) sends none.
func AppendMessage(dst []byte, t Tag, role string, size int, v1 bool) []byte {
	dst = append(dst, `{"type":"message","content":"`...)
	start := len(dst)
	dst = append(t.Append(dst), ' ')
	for len(dst)-start < size-1 {
		dst = append(dst, filler[:min(len(filler), size-1-(len(dst)-start))]...)
	}
	// The last byte is no space: servers trim.
	dst = append(dst, `.","role":"`...)
	dst = append(append(dst, role...), '"')
	if v1 {
		dst = t.Append(append(dst, `,"clientMessageId":"`...))
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

var (
	typingOn  = []byte(`{"type":"typing","isTyping":true}`)
	typingOff = []byte(`{"type":"typing","isTyping":false}`)
)

// Typing is a typing frame; do not change it.
func Typing(on bool) []byte {
	if on {
		return typingOn
	}
	return typingOff
}
