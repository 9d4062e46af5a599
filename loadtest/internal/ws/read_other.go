//go:build !unix

package ws

func (c *Conn) readRaw(take func(byte, []byte) error) error { return c.readConn(take) }
