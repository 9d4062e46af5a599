package app

import (
	"context"
	"time"

	"eclipse/internal/chatlog"
)

// expireEvery is how often dead letters are looked for that are too old; expireTimeout bounds one look.
const (
	expireEvery   = time.Hour
	expireTimeout = time.Minute
)

// expireLetters discards dead letters that nobody has retried or discarded within DEAD_LETTER_AGE, until ctx ends.
func (a *App) expireLetters(ctx context.Context) {
	if a.cfg.DeadLetterAge == 0 {
		return
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		a.expireOnce(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) expireOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, expireTimeout)
	defer cancel()
	expired, err := chatlog.ExpireLetters(ctx, a.store, time.Now().Add(-a.cfg.DeadLetterAge))
	a.metrics.OutboxExpired.Add(float64(expired))
	if expired > 0 {
		a.log.Warn("dead letters were discarded, since nobody has within DEAD_LETTER_AGE", "letters", expired)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Info("dead letters could not be looked through; again in an hour", "error", err)
	}
}
