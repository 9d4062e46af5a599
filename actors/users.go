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

// users are those that persistence has looked up: a bounded cache, and who waits for a look-up that is under way.
type users struct {
	known   *lru.Cache[string, cachedUser]
	waiting map[string][]waiter
	calls   int
}

type cachedUser struct {
	user  nextapi.User
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
	user   nextapi.User
	failed bool
}

func newUsers() users {
	known, _ := lru.New[string, cachedUser](maxUsers) // fails only for a size below 1
	return users{known: known, waiting: make(map[string][]waiter)}
}

func (p *persistence) onUserRequest(r *messages.UserRequest, from *actor.PID) {
	if cached, ok := p.users.known.Get(r.UserId); ok && time.Now().Before(cached.until) {
		p.router.send(from, userResult(r, &userFound{user: cached.user}))
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
		userID: userID, user: user,
		failed: result.Class != nextapi.Stored && result.Class != nextapi.Rejected, // rejected: there is no such user
	}
}

func (p *persistence) onUserFound(u *userFound) {
	p.users.calls--
	if !u.failed {
		p.users.known.Add(u.userID, cachedUser{u.user, time.Now().Add(userFor)})
	}
	for _, w := range p.users.waiting[u.userID] {
		p.router.send(w.from, userResult(w.request, u))
	}
	delete(p.users.waiting, u.userID)
}

func userResult(r *messages.UserRequest, u *userFound) *messages.UserResult {
	return &messages.UserResult{Request: r, Failed: u.failed, Name: u.user.Name, Email: u.user.Email, Avatar: u.user.Image}
}
