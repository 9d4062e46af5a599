package chatlog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"eclipse/internal/chatlog/redistest"
)

func TestRefusals(t *testing.T) {
	t.Run("out of memory", func(t *testing.T) {
		server := redistest.Start(t)
		r := dialRedis(t, server, Options{})
		chatID, head := started(t, r)
		server.Do("CONFIG", "SET", "maxmemory", "1")
		got := r.Append(soon(t), []Append{event(chatID, "x"), event(chatID, "y")})
		if !errors.Is(got[0].Err, ErrRefused) || !errors.Is(got[1].Err, ErrRefused) {
			t.Fatalf("append = %v", got)
		}
		if page := mustRead(t, r, chatID, Position{}, 100); page.Head != head || len(page.Entries) != 5 {
			t.Fatalf("a refused append changed the log: %+v", page)
		}
	})
	t.Run("read only", func(t *testing.T) {
		server := redistest.Start(t)
		r := dialRedis(t, server, Options{})
		chatID, _ := started(t, r)
		server.Do("REPLICAOF", "127.0.0.1", "1")
		if got := r.Append(soon(t), []Append{event(chatID, "x")})[0]; !errors.Is(got.Err, ErrRefused) {
			t.Fatalf("append = %v", got.Err)
		}
	})
	t.Run("wrong type", func(t *testing.T) {
		server := redistest.Start(t)
		r := dialRedis(t, server, Options{})
		for i := range keysOf("") {
			chatID, _ := started(t, r)
			server.Do("DEL", keysOf(chatID)[i])
			server.Do("SET", keysOf(chatID)[i], "text")
			other := newChat()
			secret := event(chatID, "x")
			secret.Body = []byte(`{"content":"very private"}`)
			got := r.Append(soon(t), []Append{secret, event(other, "y")})
			if !errors.Is(got[0].Err, ErrRefused) || strings.Contains(got[0].Err.Error(), "private") {
				t.Errorf("append = %v", got[0].Err)
			}
			if got[1].Err != nil {
				t.Errorf("another chat's append = %v", got[1].Err)
			}
		}
	})
	t.Run("no permission to publish", func(t *testing.T) {
		server := redistest.Start(t)
		r := dialRedis(t, server, Options{})
		chatID, _ := started(t, r)
		server.Do("ACL", "SETUSER", "default", "resetchannels")
		got := r.Append(soon(t), []Append{event(chatID, "x")})[0]
		if got.Err == nil || errors.Is(got.Err, ErrRefused) {
			t.Fatalf("append = %v, want an unknown outcome", got.Err)
		}
		if head := mustHead(t, r, chatID); head.Offset != 6 {
			t.Fatalf("head = %+v, want the entry logged", head)
		}
		if _, err := r.Dial(soon(t), func(string, []byte) {}); !errors.Is(err, ErrRefused) {
			t.Fatalf("dial = %v", err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		server := redistest.Start(t, "--requirepass", "right")
		r, err := NewRedis(RedisOptions{URL: "redis://:wr0ngsecret@" + server.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got := r.Append(soon(t), []Append{event("a", "x")})[0]
		if !errors.Is(got.Err, ErrRefused) || strings.Contains(got.Err.Error(), "wr0ngsecret") {
			t.Fatalf("append = %v", got.Err)
		}
	})
}

func TestEvicting(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	for _, c := range []struct {
		policy, maxmemory string
		evicting          bool
	}{{"noeviction", "0", false}, {"noeviction", "100mb", false}, {"allkeys-lru", "0", false}, {"volatile-ttl", "100mb", true}, {"allkeys-lru", "100mb", true}} {
		server.Do("CONFIG", "SET", "maxmemory", c.maxmemory, "maxmemory-policy", c.policy)
		check := func(how string) {
			t.Helper()
			policy, evicting, err := r.Evicting(soon(t))
			if err != nil || policy != c.policy || evicting != c.evicting {
				t.Errorf("%s: %q %v %v, want %+v", how, policy, evicting, err, c)
			}
		}
		check("CONFIG")
		server.Do("ACL", "SETUSER", "default", "-config")
		check("INFO")
		server.Do("ACL", "SETUSER", "default", "+@all")
	}
	server.Do("ACL", "SETUSER", "default", "-config", "-info")
	if _, _, err := r.Evicting(soon(t)); !errors.Is(err, ErrRefused) {
		t.Errorf("a server that cannot be asked: %v", err)
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:6379", "http://host", "redis://", "redis://u:s3cret@host:port", "redis://u:s3cret@host/x", "rediss://u:s3cr%et@host"} {
		r, err := NewRedis(RedisOptions{URL: bad})
		if err == nil {
			r.Close()
			t.Errorf("%q is accepted", bad)
		} else if strings.Contains(err.Error(), "s3cr") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	down, err := NewRedis(RedisOptions{URL: "redis://127.0.0.1:1"})
	if err != nil {
		t.Fatalf("a server that is down fails NewRedis: %v", err)
	}
	if err := down.Ping(soon(t)); err == nil {
		t.Error("nothing answers on port 1")
	}
	down.Close()

	// The form in which an Upstash database is reached: TLS, a user, a token with characters of a URL.
	option, err := clientOption(RedisOptions{URL: "rediss://default:AX%2Fy%3Az=@eu1-nice-name-12345.upstash.io:6379"})
	if err != nil || option.Password != "AX/y:z=" || option.Username != "default" || option.TLSConfig == nil || option.TLSConfig.ServerName != "eu1-nice-name-12345.upstash.io" {
		t.Errorf("the URL leads to user %q, TLS %v, %v", option.Username, option.TLSConfig != nil, err)
	}
}

func TestErrorsOfOldServers(t *testing.T) {
	for text, want := range map[string]string{
		"OOM command not allowed when used memory > 'maxmemory'.":                                        "OOM",
		"ERR Error running script (call to f_12): @user_script:9: -READONLY You can't write against a r": "READONLY",
		"ERR unknown command": "ERR",
		"":                    "",
	} {
		if got := code(text); got != want {
			t.Errorf("code(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	server := redistest.Start(t)
	r, err := NewRedis(RedisOptions{URL: "rediss://" + tlsProxy(t, server.Addr()) + "?skip_verify=true"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	chatID := newChat()
	var ears heard
	feed := mustDial(t, r, ears.deliver)
	mustSubscribe(t, feed, chatID)
	mustAppend(t, r, event(chatID, "k"))
	eventually(t, "the feed hears over TLS", func() bool { return len(ears.of(chatID)) == 1 })
	server.Pause()
	begin := time.Now()
	if err := feed.Probe(within(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("probe = %v", err)
	}
	feed.Close()
	r.Close()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("a paused server held us up for %v", took)
	}
}

// tlsProxy speaks TLS in front of a server.
func tlsProxy(t *testing.T, backend string) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(front, backend)
		}
	}()
	return listener.Addr().String()
}

func relay(front net.Conn, backend string) {
	defer front.Close()
	back, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	go func() {
		io.Copy(front, back)
		front.Close()
	}()
	io.Copy(back, front)
	back.Close()
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
