package play

import (
	"context"

	"eclipse/loadtest/chaos/internal/redisproxy"
	"eclipse/loadtest/chaos/internal/schedule"
)

var redisDeeds = map[schedule.Kind]deed{
	schedule.RedisKill:    redisKill,
	schedule.RedisPause:   redisPause,
	schedule.RedisWipe:    redisWipe,
	schedule.RedisCut:     onLink(func(x *redisproxy.Proxy, _ schedule.Fault) { x.Refuse(true); x.Cut() }, func(x *redisproxy.Proxy) { x.Refuse(false) }),
	schedule.RedisSilent:  onLink(func(x *redisproxy.Proxy, _ schedule.Fault) { x.Silence(true) }, func(x *redisproxy.Proxy) { x.Silence(false) }),
	schedule.RedisSlow:    onLink(func(x *redisproxy.Proxy, f schedule.Fault) { x.Delay(f.For / 20) }, func(x *redisproxy.Proxy) { x.Delay(0) }),
	schedule.ReplyLost:    onLink(func(x *redisproxy.Proxy, _ schedule.Fault) { x.LoseReplies(1) }, nil),
	schedule.FeedCut:      onLink(func(x *redisproxy.Proxy, _ schedule.Fault) { x.CutFeed() }, nil),
	schedule.FeedSilent:   onLink(func(x *redisproxy.Proxy, _ schedule.Fault) { x.SilenceFeed() }, nil),
	schedule.EntryLost:    disturb(redisproxy.Lost),
	schedule.EntryDoubled: disturb(redisproxy.Doubled),
	schedule.EntrySwapped: disturb(redisproxy.Swapped),
}

func redisKill(p *play, ctx context.Context, f schedule.Fault) bool {
	p.world.Redis.Kill()
	pause(ctx, f.For)
	if err := p.world.Redis.Start(ctx); err != nil && ctx.Err() == nil {
		p.wrong("%v", err)
	}
	return false
}

func redisPause(p *play, ctx context.Context, f schedule.Fault) bool {
	p.world.Redis.Pause()
	defer p.world.Redis.Resume()
	pause(ctx, f.For)
	return false
}

func redisWipe(p *play, ctx context.Context, _ schedule.Fault) bool {
	if err := p.world.Redis.Wipe(ctx); err != nil && ctx.Err() == nil {
		p.wrong("wiping Redis: %v", err)
	}
	return false
}

// onLink makes the connections of one instance fail for a while.
func onLink(begin func(*redisproxy.Proxy, schedule.Fault), end func(*redisproxy.Proxy)) deed {
	return func(p *play, ctx context.Context, f schedule.Fault) bool {
		begin(p.target(f).Proxy, f)
		pause(ctx, f.For)
		if end != nil {
			end(p.target(f).Proxy)
		}
		return false
	}
}

// most is how many entries one fault disturbs.
const most = 20

func disturb(u redisproxy.Upset) deed {
	return onLink(func(x *redisproxy.Proxy, f schedule.Fault) { x.Disturb(u, 1+int(f.Share*most)) }, nil)
}
