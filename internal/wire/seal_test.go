package wire

// Seal gives a body its place as the log does: ,"offset":N,"epoch":"E" before the closing brace. body is not changed.
func Seal(body []byte, p Position) []byte {
	b := make([]byte, 0, len(body)+48+len(p.Epoch))
	b = append(b, body[:len(body)-1]...)
	return append(appendPosition(b, p), '}')
}
