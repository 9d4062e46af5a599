package play

import (
	"context"
	"math/rand/v2"
	"time"

	"eclipse/loadtest/chaos/internal/client"
	"eclipse/loadtest/chaos/internal/schedule"
)

var clientDeeds = map[schedule.Kind]deed{
	schedule.Drop:     tell(client.Break, 1),
	schedule.HalfOpen: tell(client.Abandon, 0.3),
	schedule.SlowRead: tell(client.Slow, 0.3),
	schedule.Storm:    tell(client.Return, 100),
	schedule.AwayEach: away(true),
	schedule.AwayAll:  away(false),
}

// absence is how long a client is away in a fault of its own.
const absence = 2 * time.Second

// away drops every client once, spread over the fault's time or all at its beginning.
func away(spread bool) deed {
	return func(p *play, ctx context.Context, f schedule.Fault) bool {
		began := time.Now()
		for i, c := range p.clients {
			if spread && !pause(ctx, f.For*time.Duration(i)/time.Duration(len(p.clients))-time.Since(began)) {
				break
			}
			c.Tell(client.Order{Do: client.Break, For: absence})
		}
		pause(ctx, f.For-time.Since(began))
		return false
	}
}

// tell gives an order to a part of the clients: the fault's share times a factor.
func tell(do client.Deed, factor float64) deed {
	return func(p *play, ctx context.Context, f schedule.Fault) bool {
		random := rand.New(rand.NewPCG(p.options.Schedule.Seed, uint64(f.At)))
		for _, c := range p.clients {
			if random.Float64() < f.Share*factor {
				o := client.Order{Do: do}
				if do == client.Slow {
					o.For = f.For
				}
				c.Tell(o)
			}
		}
		pause(ctx, f.For)
		return false
	}
}
