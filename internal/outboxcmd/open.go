package outboxcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"

	"eclipse/internal/chatlog"
	"eclipse/internal/config"
)

// outbox is the part of chatlog.Outbox that is for people.
type outbox interface {
	Queues(ctx context.Context, after string, max int) ([]chatlog.QueueInfo, error)
	Queued(ctx context.Context, chatID string, after uint64, max int) ([]chatlog.Queued, error)
	Letters(ctx context.Context, after string, max int) ([]chatlog.Letter, error)
	Revive(ctx context.Context, id string) (bool, error)
	Discard(ctx context.Context, id string) (bool, error)
}

// store is an outbox that was opened.
type store interface {
	outbox
	Ping(ctx context.Context) error
	Close() error
}

// openStore opens what a router of these settings has open.
func openStore(ctx context.Context, cfg *config.Config, stderr io.Writer) (store, error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := chatlog.Options{Window: cfg.LogWindow}
	if cfg.Redis() == "" {
		return visitFile(cfg.LogFile(), o, log)
	}
	return dialRedis(ctx, cfg.Redis(), chatlog.RedisOptions{Options: o, ClientName: "eclipse-outbox", Logger: log})
}

func dialRedis(ctx context.Context, address config.Secret, o chatlog.RedisOptions) (store, error) {
	o.URL = address.Reveal()
	r, err := chatlog.NewRedis(o)
	if err != nil {
		return nil, err
	}
	if err := r.Ping(ctx); err != nil {
		err = fmt.Errorf("the Redis at %s cannot be used: %w; check REDIS_URL, or the UPSTASH variables, and the way from this machine", hostOf(address), err)
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// hostOf is the part of an address without the password.
func hostOf(address config.Secret) string {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return address.String()
	}
	return u.Host
}

func visitFile(path string, o chatlog.Options, log *slog.Logger) (store, error) {
	d, err := chatlog.VisitDisk(path, o, log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no outbox: no Redis is set and no file %s is there; run this in the router's directory, or set REDIS_URL or DATA_DIR as the router has it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the router's file cannot be used: %w", err)
	}
	return d, nil
}

// doing says what failed, and whether it may be tried again.
func doing(what string, err error) error {
	if errors.Is(err, chatlog.ErrRefused) {
		return fmt.Errorf("%s: %w; it was not done, so try again when that is over", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
