package nextapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultTimeout         = 15 * time.Second // a call that stores
	DefaultUserTimeout     = 5 * time.Second  // a user look-up
	DefaultMaxConnsPerHost = 64
)

// Bounds on one call. An answer beyond its bound is not read, and its outcome is Ambiguous.
const (
	MaxBatchBytes   = 4 << 20  // bytes of one batch request; the host's own limit is 4.5 MB
	maxAnswer       = 1 << 20  // bytes of an answer of the single route or of a user look-up
	maxBatchAnswer  = 16 << 20 // bytes of a batch answer: the request's content again, senders, wider escapes
	maxDrain        = 64 << 10 // bytes read of an answer that is not wanted, so that its connection can be used again
	maxAnswerHeader = 64 << 10
)

// Options of New. A zero duration or number means the default.
type Options struct {
	BaseURL         string        // http(s)://host[:port][/prefix], without user, query or fragment
	Secret          string        // INTERNAL_API_SECRET, printable ASCII
	Timeout         time.Duration // of StoreBatch and Store; the context's own deadline holds as well
	UserTimeout     time.Duration // of User
	MaxConnsPerHost int           // connections, idle ones included; calls beyond wait for one
	UserAgent       string        // default "eclipse-chat-router"
	HTTPClient      *http.Client  // replaces the client's own transport, for tests; its redirect policy is not used
}

// Client implements API. Safe for concurrent use.
type Client struct {
	base        string
	once        http.Header // of a request that must not be sent twice
	repeatable  http.Header
	http        *http.Client
	timeout     time.Duration
	userTimeout time.Duration
}

var _ API = (*Client)(nil)

// New checks the options; it opens no connection. Its errors name what is wrong and never show the secret.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Secret == "" || strings.ContainsFunc(o.Secret, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New("nextapi: the internal secret must be printable ASCII and not empty")
	}
	c := &Client{
		base:        base,
		once:        header(o.Secret, or(o.UserAgent, "eclipse-chat-router")),
		http:        &http.Client{Transport: transport(or(o.MaxConnsPerHost, DefaultMaxConnsPerHost))},
		timeout:     or(o.Timeout, DefaultTimeout),
		userTimeout: or(o.UserTimeout, DefaultUserTimeout),
	}
	c.repeatable = c.once.Clone()
	c.repeatable["Idempotency-Key"] = nil // tells the transport; not sent
	if o.HTTPClient != nil {
		own := *o.HTTPClient
		c.http = &own
	}
	// A redirect would carry the secret elsewhere, and this API sends none.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Close drops idle connections. Calls in flight go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("nextapi: the base URL cannot be parsed") // the cause would show it, and it may hold a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", errors.New("nextapi: the base URL must begin with http:// or https:// and name a host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("nextapi: the base URL must have no user, query or fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// header is shared by requests; the transport only reads it. Compression is not asked for: on a private route the
// CPU is worth more than the bytes.
func header(secret, userAgent string) http.Header {
	return http.Header{
		"X-Internal-Secret": {secret},
		"Content-Type":      {"application/json"},
		"Accept":            {"application/json"},
		"Accept-Encoding":   {"identity"},
		"User-Agent":        {userAgent},
	}
}

func transport(conns int) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxConnsPerHost:        conns,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
		WriteBufferSize:        16 << 10,
		// A dead HTTP/2 connection would otherwise swallow call after call until the kernel gives it up.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// call is one request.
type call struct {
	method     string
	path       string // escaped
	body       []byte
	idempotent bool // may be sent again on a new connection when an idle one turns out to be closed
	maxAnswer  int64
}

// answer is what came back. Without status there was none, and sent tells whether the API may have seen the request.
type answer struct {
	status     int
	body       []byte
	retryAfter time.Duration
	throttled  bool // the hosting platform refused the call before it ran the API's code
	sent       bool
	err        error
}

func (c *Client) do(ctx context.Context, timeout time.Duration, k call) answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var sent atomic.Bool
	// From the moment that there is a connection the request may be written, even after Do has given up.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, k.method, c.base+k.path, bytes.NewReader(k.body))
	if err != nil {
		return answer{err: errors.New("nextapi: the request cannot be made")}
	}
	request.Header = c.once
	if k.idempotent {
		request.Header = c.repeatable
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{sent: sent.Load(), err: transportError(k, err)}
	}
	defer drain(response.Body)
	a := answer{
		status:     response.StatusCode,
		sent:       true,
		retryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now()),
		throttled:  response.Header.Get("X-Vercel-Error") == "FUNCTION_THROTTLED",
	}
	if a.body, err = readBody(response, k.maxAnswer); err != nil {
		a.err = transportError(k, err)
	}
	return a
}

func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // best effort: what is left costs the connection, not the call
	_ = body.Close()
}

// readBody reads up to max bytes of the plain text. A server that compresses unasked is understood.
func readBody(r *http.Response, max int64) ([]byte, error) {
	var body io.Reader = r.Body
	size := r.ContentLength
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzip, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body, size = unzip, -1
	}
	if size > max {
		return nil, ErrTooLarge
	}
	if size >= 0 {
		plain := make([]byte, size)
		_, err := io.ReadFull(body, plain)
		return plain, err
	}
	plain, err := io.ReadAll(io.LimitReader(body, max+1))
	if int64(len(plain)) > max {
		return nil, ErrTooLarge
	}
	return plain, err
}

// transportError leaves out what url.Error adds: the address with its ids.
func transportError(k call, err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		err = with.Err
	}
	return fmt.Errorf("nextapi: %s: %w", k.method, err)
}
