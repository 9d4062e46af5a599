package gateway

import (
	"net/http"
	"net/netip"
	"sync"

	"eclipse/internal/metrics"
)

// limits counts open sockets in all, per address and per user, and knows each of them until its connection is closed.
type limits struct {
	total, perAddress, perUser int // 0 = none

	mu        sync.Mutex
	closed    bool
	sockets   map[*socket]struct{}
	addresses map[netip.Addr]int // only while perAddress is set
	users     map[string]int     // only while perUser is set
	done      chan struct{}      // closed when closed and empty
}

func newLimits(total, perAddress, perUser int) *limits {
	return &limits{
		total: total, perAddress: perAddress, perUser: perUser,
		sockets:   map[*socket]struct{}{},
		addresses: map[netip.Addr]int{},
		users:     map[string]int{},
		done:      make(chan struct{}),
	}
}

// admit counts a socket in, or says which limit it breaks. A user of "" (no valid token) is not counted as a user.
func (l *limits) admit(s *socket) metrics.UpgradeOutcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return metrics.UpgradeDraining
	case l.total > 0 && len(l.sockets) >= l.total:
		return metrics.UpgradeLimitTotal
	case l.perAddress > 0 && l.addresses[s.address] >= l.perAddress:
		return metrics.UpgradeLimitAddress
	case l.perUser > 0 && s.user != "" && l.users[s.user] >= l.perUser:
		return metrics.UpgradeLimitUser
	}
	l.sockets[s] = struct{}{}
	if l.perAddress > 0 {
		l.addresses[s.address]++
	}
	if l.perUser > 0 && s.user != "" {
		l.users[s.user]++
	}
	return metrics.UpgradeAccepted
}

// release counts an admitted socket out. Idempotent.
func (l *limits) release(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.sockets[s]; !known {
		return
	}
	delete(l.sockets, s)
	if l.perAddress > 0 {
		countDown(l.addresses, s.address)
	}
	if l.perUser > 0 && s.user != "" {
		countDown(l.users, s.user)
	}
	l.settle()
}

func countDown[K comparable](m map[K]int, key K) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}

// close admits nobody from now on.
func (l *limits) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.settle()
	}
}

func (l *limits) settle() {
	if l.closed && len(l.sockets) == 0 {
		close(l.done)
	}
}

// empty is closed when no more sockets are admitted and the last one is gone.
func (l *limits) empty() <-chan struct{} { return l.done }

// each calls f for every socket that is there now.
func (l *limits) each(f func(*socket)) {
	l.mu.Lock()
	all := make([]*socket, 0, len(l.sockets))
	for s := range l.sockets {
		all = append(all, s)
	}
	l.mu.Unlock()
	for _, s := range all {
		f(s)
	}
}

// visitorAddress is whom limits count: the peer, or behind Fly's proxy the address that it vouches for. An IPv6 visitor owns
// at least a /64, so that is what counts as one address.
func visitorAddress(r *http.Request, trustFly bool) netip.Addr {
	if trustFly {
		if a, err := netip.ParseAddr(r.Header.Get("Fly-Client-IP")); err == nil {
			return network(a)
		}
	}
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return network(a.Addr())
}

func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
