package ws

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Refused is a server's answer to the upgrade that is not 101.
type Refused struct{ Status int }

func (r *Refused) Error() string { return "ws: upgrade refused with status " + strconv.Itoa(r.Status) }

// Options of a dial; the zero value is fine.
type Options struct {
	Local     net.Addr // source address, nil = the kernel's choice
	Protocols string   // value of Sec-WebSocket-Protocol, "" = none offered
	Alert     bool     // Read sees a bare end of stream at once, too; it then holds a buffer
}

// handshakeTimeout bounds connect and upgrade together.
const handshakeTimeout = 30 * time.Second

// Dial connects to a ws:// or wss:// URL. Errors carry no query, since tokens travel there.
func Dial(ctx context.Context, to *url.URL, o Options) (*Conn, error) {
	timed, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	d := net.Dialer{LocalAddr: o.Local, KeepAlive: -1}
	conn, err := d.DialContext(timed, "tcp", hostPort(to))
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn}
	if to.Scheme == "wss" {
		c.conn = tls.Client(conn, &tls.Config{ServerName: to.Hostname(), MinVersion: tls.VersionTLS12})
	} else if s, ok := conn.(syscall.Conn); ok && !o.Alert {
		c.raw, _ = s.SyscallConn() // without it Read uses conn
	}
	deadline, _ := timed.Deadline()
	_ = conn.SetDeadline(deadline)                                                   // fails only on a closed conn, and then so does the handshake
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // a server may never answer
	if err := c.upgrade(to, o.Protocols); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return c, nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

func (c *Conn) upgrade(to *url.URL, protocols string) error {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	request := "GET " + to.RequestURI() + " HTTP/1.1\r\nHost: " + to.Host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key
	if protocols != "" {
		request += "\r\nSec-WebSocket-Protocol: " + protocols
	}
	if _, err := c.conn.Write([]byte(request + "\r\n\r\n")); err != nil {
		return err
	}
	head, rest, err := c.readHead()
	if err != nil {
		return err
	}
	c.decoder.rest = rest
	return checkAnswer(head, key)
}

// maxHead bounds the server's answer, in bytes.
const maxHead = 8 << 10

// readHead reads the answer's head; rest is what came right behind it.
func (c *Conn) readHead() (head, rest []byte, err error) {
	buf := make([]byte, 0, 1024)
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxHead {
				return nil, nil, errors.New("ws: the answer's head is too large")
			}
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := c.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if end := bytes.Index(buf, []byte("\r\n\r\n")); end >= 0 {
			return buf[:end], bytes.Clone(buf[end+4:]), nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("ws: reading the answer: %w", err)
		}
	}
}

func checkAnswer(head []byte, key string) error {
	lines := strings.Split(string(head), "\r\n")
	status := strings.SplitN(lines[0], " ", 3)
	if len(status) < 2 || !strings.HasPrefix(status[0], "HTTP/1.") {
		return errors.New("ws: the answer is no HTTP")
	}
	code, err := strconv.Atoi(status[1])
	if err != nil {
		return errors.New("ws: the answer has no status")
	}
	if code != 101 {
		return &Refused{Status: code}
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	want := base64.StdEncoding.EncodeToString(sum[:])
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Sec-WebSocket-Accept") && strings.TrimSpace(value) == want {
			return nil
		}
	}
	return errors.New("ws: the answer does not accept the key")
}
