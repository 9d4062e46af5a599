package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	lru "github.com/hashicorp/golang-lru/v2"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// users are the names that persistence has looked up: a bounded cache, and who waits for a look-up that is under way.
type users struct {
	names   *lru.Cache[string, cachedName]
	waiting map[string][]waiter
	calls   int
}

type cachedName struct {
	name  string
	until time.Time
}

type waiter struct {
	request *messages.UserRequest
	from    *actor.PID
}

const (
	maxUsers     = 10_000
	userFor      = time.Minute
	maxUserCalls = 16 // look-ups under way at once; more are refused
	userTimeout  = 5 * time.Second
)

type userFound struct {
	userID string
	name   string
	failed bool
}

func newUsers() users {
	names, _ := lru.New[string, cachedName](maxUsers) // fails only for a size below 1
	return users{names: names, waiting: make(map[string][]waiter)}
}

func (p *persistence) onUserRequest(r *messages.UserRequest, from *actor.PID) {
	if cached, ok := p.users.names.Get(r.UserId); ok && time.Now().Before(cached.until) {
		p.router.send(from, &messages.UserResult{Request: r, Name: cached.name})
		return
	}
	if waiting := p.users.waiting[r.UserId]; waiting != nil {
		p.users.waiting[r.UserId] = append(waiting, waiter{r, from})
		return
	}
	if p.users.calls >= maxUserCalls {
		p.router.send(from, &messages.UserResult{Request: r, Failed: true})
		return
	}
	p.users.calls++
	p.users.waiting[r.UserId] = []waiter{{r, from}}
	p.router.outside(p.self, func() any { return p.findUser(r.UserId) }, func(error) any {
		return &userFound{userID: r.UserId, failed: true}
	})
}

// findUser runs outside of Receive.
func (p *persistence) findUser(userID string) *userFound {
	ctx, cancel := context.WithTimeout(p.ctx, userTimeout)
	defer cancel()
	start := time.Now()
	user, result := p.router.deps.API.User(ctx, userID)
	p.router.metrics.APICall(metrics.RouteUser, uint8(result.Class), time.Since(start))
	return &userFound{
		userID: userID, name: user.Name,
		failed: result.Class != nextapi.Stored && result.Class != nextapi.Rejected, // rejected: there is no such user
	}
}

func (p *persistence) onUserFound(u *userFound) {
	p.users.calls--
	if !u.failed {
		p.users.names.Add(u.userID, cachedName{u.name, time.Now().Add(userFor)})
	}
	for _, w := range p.users.waiting[u.userID] {
		p.router.send(w.from, &messages.UserResult{Request: w.request, Failed: u.failed, Name: u.name})
	}
	delete(p.users.waiting, u.userID)
}
