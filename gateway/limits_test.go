package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"eclipse/internal/metrics"
)

func TestOptionsTellEveryFault(t *testing.T) {
	_, err := New(Options{MaxSockets: -1, PingInterval: time.Second, PongTimeout: time.Second})
	for _, part := range []string{"Router", "Verifier", "negative", "PongTimeout"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell about %s", err, part)
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		allowed, origin string
		want            bool
	}{
		{"", "https://any.example", true},
		{"https://a.example,*", "https://any.example", true},
		{"https://a.example", "https://a.example", true},
		{"https://A.example/", "https://a.EXAMPLE", true},
		{"https://a.example", "https://a.example:443", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "https://a.example.evil", false},
		{"https://a.example", "https://b.a.example", false},
		{"https://a.example", "null", false},
		{"http://a.example", "http://a.example:8080", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Origin", c.origin)
		if got := newOrigins(strings.Split(c.allowed, ",")).allow(r); got != c.want {
			t.Errorf("%s for %s: %v", c.origin, c.allowed, got)
		}
	}
	twice := httptest.NewRequest(http.MethodGet, "/", nil)
	twice.Header["Origin"] = []string{"https://a.example", "https://b.example"}
	if newOrigins([]string{"https://a.example"}).allow(twice) {
		t.Error("two origins let in")
	}
}

func TestLimitsForgetWhoLeft(t *testing.T) {
	l := newLimits(3, 2, 1)
	a := netip.MustParseAddr("192.0.2.1")
	one, two := &socket{address: a, user: "u"}, &socket{address: a}
	steps := []struct {
		sock *socket
		want metrics.UpgradeOutcome
	}{
		{one, metrics.UpgradeAccepted},
		{&socket{address: netip.MustParseAddr("192.0.2.2"), user: "u"}, metrics.UpgradeLimitUser},
		{two, metrics.UpgradeAccepted},
		{&socket{address: a}, metrics.UpgradeLimitAddress},
		{&socket{}, metrics.UpgradeAccepted},
		{&socket{}, metrics.UpgradeLimitTotal},
	}
	for i, s := range steps {
		if got := l.admit(s.sock); got != s.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	l.close()
	for range 2 { // a second time changes nothing
		for _, s := range steps {
			l.release(s.sock)
		}
	}
	<-l.empty()
	if len(l.addresses)+len(l.users)+len(l.sockets) != 0 {
		t.Errorf("left: %v %v", l.addresses, l.users)
	}
	if l.admit(&socket{}) != metrics.UpgradeDraining {
		t.Error("admitted after close")
	}
}

func TestVisitorAddress(t *testing.T) {
	for _, c := range []struct {
		remote, fly, want string
		trust             bool
	}{
		{"192.0.2.1:99", "203.0.113.1", "192.0.2.1", false},
		{"192.0.2.1:99", "203.0.113.1", "203.0.113.1", true},
		{"192.0.2.1:99", "", "192.0.2.1", true},
		{"192.0.2.1:99", "203.0.113.1, 1.2.3.4", "192.0.2.1", true},
		{"[::ffff:192.0.2.1]:99", "", "192.0.2.1", false},
		{"[2001:db8:1:2:3:4:5:6]:99", "", "2001:db8:1:2::", false},
		{"[fe80::1%eth0]:99", "", "fe80::", false},
		{"nonsense", "", "invalid IP", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if c.fly != "" {
			r.Header.Set("Fly-Client-IP", c.fly)
		}
		if got := visitorAddress(r, c.trust).String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := func(perSecond, offered float64, length time.Duration) (accepted int, end verdict) {
			th := newThrottle(perSecond)
			for begun := time.Now(); time.Since(begun) < length; time.Sleep(time.Duration(float64(time.Second) / offered)) {
				switch _, v := th.take(); v {
				case inTime:
					accepted++
				case flood:
					return accepted, flood
				}
			}
			return accepted, inTime
		}
		if n, end := count(20, 19, time.Minute); n < 19*59 || end != inTime {
			t.Errorf("in time: %d, %v", n, end)
		}
		if n, end := count(20, 30, time.Minute); n < 20*59 || n > 20*60+81 || end != inTime {
			t.Errorf("too fast: %d, %v", n, end)
		}
		if _, end := count(20, 100, time.Minute); end != flood {
			t.Error("a flood was let live")
		}
		if _, end := count(0, 1000, time.Minute); end != inTime {
			t.Error("no limit, and yet a flood")
		}
		if n, _ := count(0.1, 1, 10*time.Second); n == 0 {
			t.Error("a low rate lets nothing through")
		}
	})
}

func TestHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolds(time.Second, 10*time.Second, prometheus.NewGauge(prometheus.GaugeOpts{Name: "held"}))
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		took := func(a netip.Addr) time.Duration {
			begun := time.Now()
			done := make(chan struct{})
			h.hold(a, func() { close(done) })
			<-done
			return time.Since(begun)
		}
		for i, want := range []time.Duration{0, 1, 2, 4, 8, 10, 10} {
			if got := took(a); got != want*time.Second {
				t.Errorf("hold %d: %v", i, got)
			}
		}
		if got := took(b); got != 0 {
			t.Errorf("another address held for %v", got)
		}
		time.Sleep(offenderMemory + 11*time.Second)
		if got := took(a); got != 0 {
			t.Errorf("not forgotten: %v", got)
		}
		for range maxHeld {
			h.hold(a, func() {})
		}
		if got := took(a); got != 0 {
			t.Errorf("over the bound held for %v", got)
		}
		h.flush()
		synctest.Wait()
		if len(h.waiting) != 0 {
			t.Errorf("%d held after flush", len(h.waiting))
		}
		if got := took(a); got != 0 {
			t.Errorf("held for %v after flush", got)
		}
	})
}
