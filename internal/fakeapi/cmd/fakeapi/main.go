// Command fakeapi runs the test double of the Next.js API as a process of its own, with its control routes:
//
//	go run ./internal/fakeapi/cmd/fakeapi -addr 127.0.0.1:9090 -latency 20ms -mode old -redis redis://127.0.0.1:6379
//
// It prints the address that it listens on, and serves until it is interrupted. A publish that Redis does not take
// within five seconds is lost and logged, as with the real API.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"eclipse/internal/fakeapi"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fakeapi", flag.ContinueOnError)
	address := flags.String("addr", "127.0.0.1:0", "host and port to listen on")
	latency := flags.Duration("latency", 0, "time before each answer")
	mode := flags.String("mode", "batch", "batch or old")
	redis := flags.String("redis", "", "URL of the Redis that the single route publishes on; none = publishes nothing")
	secret := flags.String("secret", "", "what X-Internal-Secret must be; none = anything goes")
	forget := flags.Bool("forget", false, "keep no rows, for long load runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := fakeapi.Options{Latency: *latency, Secret: *secret, Forget: *forget, Control: true}
	var err error
	if options.Mode, err = fakeapi.ParseMode(*mode); err != nil {
		return err
	}
	if *redis != "" {
		client, err := dial(*redis)
		if err != nil {
			return err
		}
		defer client.Close()
		options.Publish = publisher(client)
	}
	server, err := fakeapi.Listen(*address, fakeapi.New(options))
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println(server.URL)
	<-ctx.Done()
	return nil
}

func dial(address string) (rueidis.Client, error) {
	options, err := rueidis.ParseURL(address)
	if err != nil {
		return nil, errors.New("fakeapi: the Redis URL cannot be parsed") // the cause may show a password
	}
	options.DisableCache = true
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, fmt.Errorf("fakeapi: connect to Redis: %w", err)
	}
	return client, nil
}

func publisher(client rueidis.Client) func(channel string, payload []byte) {
	return func(channel string, payload []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		command := client.B().Publish().Channel(channel).Message(rueidis.BinaryString(payload)).Build()
		if err := client.Do(ctx, command).Error(); err != nil {
			log.Printf("fakeapi: publish lost: %v", err)
		}
	}
}
