package world

import (
	"math/rand/v2"
	"sync"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/chaos/internal/client"
	"eclipse/loadtest/chaos/internal/verify"
)

// Door is the way in for clients: a balancer that sends each to any instance that is up. It learns of one that does
// not answer from those who tried.
type Door struct {
	world *World
	began time.Time

	mu       sync.Mutex
	sending  bool
	unwanted float64 // share of the messages that the API is to refuse
	random   *rand.Rand
	seen     map[uint64]bool // ids of messages that somebody was shown
	compared int             // rows that were compared with them and found
}

var _ client.Door = (*Door)(nil)

// Door opens the way in.
func (w *World) Door(seed uint64) *Door {
	return &Door{world: w, began: time.Now(), sending: true, seen: map[uint64]bool{}, random: rand.New(rand.NewPCG(seed, 0xd00))}
}

// shunned is how long an instance is left out after somebody could not enter it.
const shunned = 500 * time.Millisecond

// Enter implements client.Door.
func (d *Door) Enter(random *rand.Rand) (int, string) {
	var up, able []*Instance
	for _, i := range d.world.Instances {
		i.mu.Lock()
		if i.address != "" {
			up = append(up, i)
			if time.Since(i.away) >= shunned {
				able = append(able, i)
			}
		}
		i.mu.Unlock()
	}
	if len(able) == 0 {
		able = up
	}
	if len(able) == 0 {
		return 0, ""
	}
	i := able[random.IntN(len(able))]
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.Number, i.address
}

// Refused implements client.Door.
func (d *Door) Refused(instance int) {
	i := d.world.Instances[instance]
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = time.Now()
}

// Acked implements client.Door.
func (d *Door) Acked(instance int) { d.world.Instances[instance].acked.strike() }

// Stored implements client.Door.
func (d *Door) Stored() int { return d.world.API.Count() }

// Seen implements client.Door.
func (d *Door) Seen(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[id] = true
}

// Unseen counts the rows that no client was shown. It looks at no row twice that somebody was.
func (d *Door) Unseen(api *fakeapi.API) (n int) {
	rows := api.Rows()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := d.compared; i < len(rows); i++ {
		switch {
		case !d.seen[verify.HashID(rows[i].ID)]:
			n++
		case n == 0:
			d.compared = i + 1
		}
	}
	return n
}

// Now implements client.Door.
func (d *Door) Now() time.Duration { return time.Since(d.began) }

// Sending implements client.Door.
func (d *Door) Sending() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sending
}

// Quiet lets no client send anything new.
func (d *Door) Quiet() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sending = false
}

// Spoil makes a share of the new messages such that the API refuses them.
func (d *Door) Spoil(share float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwanted = share
}

// Unwanted implements client.Door.
func (d *Door) Unwanted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unwanted > 0 && d.random.Float64() < d.unwanted
}

// onAck strikes once, at an ack.
type onAck struct {
	mu   sync.Mutex
	next func()
}

func (a *onAck) arm(f func()) (cancel func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = f
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.next = nil
	}
}

func (a *onAck) strike() {
	a.mu.Lock()
	f := a.next
	a.next = nil
	a.mu.Unlock()
	if f != nil {
		f()
	}
}
