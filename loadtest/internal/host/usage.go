package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used so far.
type Usage struct {
	At    time.Time
	CPU   time.Duration // user and system since its start
	RSS   int64         // resident bytes now
	Redis time.Duration // processor time of the Redis that was started for it, 0 = none
}

// Meter reads a server's usage.
type Meter func(context.Context) (Usage, error)

// Try reads once, nil where that fails.
func (m Meter) Try(ctx context.Context) *Usage {
	u, err := m(ctx)
	if err != nil {
		return nil
	}
	return &u
}

// Self reads this process.
func Self() Meter { return process(os.Getpid()) }

// scrape reads the two figures that every Prometheus process collector exports.
func scrape(address string) Meter {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(ctx context.Context) (Usage, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return Usage{}, err
		}
		answer, err := client.Do(request)
		if whole := (*url.Error)(nil); errors.As(err, &whole) {
			err = whole.Err // without the URL, which may hold a password
		}
		if err != nil {
			return Usage{}, fmt.Errorf("reading the server's metrics: %w", err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return Usage{}, fmt.Errorf("reading the server's metrics: status %d", answer.StatusCode)
		}
		return parseMetrics(io.LimitReader(answer.Body, 8<<20))
	}
}

func parseMetrics(r io.Reader) (Usage, error) {
	u := Usage{At: time.Now()}
	found := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if name != "process_cpu_seconds_total" && name != "process_resident_memory_bytes" {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return u, fmt.Errorf("metric %s is no number", name)
		}
		found++
		if name == "process_cpu_seconds_total" {
			u.CPU = time.Duration(value * float64(time.Second))
		} else {
			u.RSS = int64(value)
		}
	}
	if err := lines.Err(); err != nil {
		return u, err
	}
	if found < 2 {
		return u, fmt.Errorf("the server's metrics tell no processor time and memory")
	}
	return u, nil
}
