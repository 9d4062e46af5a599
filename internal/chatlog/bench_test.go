package chatlog

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"eclipse/internal/chatlog/redistest"
)

var benchBody = []byte(`{"type":"message","data":{"id":"0123456789abcdef0123456789abcdef","content":"` + strings.Repeat("hello ", 20) + `","role":"user"},"chatId":"chat"}`)

func benchEvents(chats, n int, from int64) []Append {
	items := make([]Append, n)
	for i := range items {
		id := strconv.FormatInt(from+int64(i), 36)
		items[i] = Append{ChatID: "bench-" + strconv.Itoa(i%chats), Key: "message-0123456789abcdef-" + id, Aliases: []string{"sender-user-1-" + id}, Body: benchBody}
	}
	return items
}

func BenchmarkMemoryAppend(b *testing.B) {
	for _, chats := range []int{1, 1000} {
		b.Run(fmt.Sprint("chats=", chats), func(b *testing.B) {
			m := NewMemory(Options{})
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := next.Add(1)
					item := Append{ChatID: "bench-" + strconv.Itoa(int(n)%chats), Key: "k" + strconv.FormatInt(n, 36), Body: benchBody}
					m.Append(b.Context(), []Append{item})
				}
			})
		})
	}
}

// BenchmarkRedisAppend counts one event as an operation, and asks the server what it did meanwhile.
func BenchmarkRedisAppend(b *testing.B) {
	for _, c := range []struct{ chats, batch int }{{1, 1}, {100, 100}, {1, 100}, {500, 500}} {
		b.Run(fmt.Sprintf("chats=%d/batch=%d", c.chats, c.batch), func(b *testing.B) {
			server := redistest.Start(b)
			r := dialRedis(b, server, Options{})
			mustAppend(b, r, event("warm", "k"))
			server.Do("CONFIG", "RESETSTAT")
			cpu := serverCPU(server)
			var next int64
			b.ReportAllocs()
			b.ResetTimer()
			for next < int64(b.N) {
				n := int(min(int64(c.batch), int64(b.N)-next))
				for _, got := range r.Append(soon(b), benchEvents(c.chats, n, next)) {
					if got.Err != nil || got.Repeat {
						b.Fatalf("%+v", got)
					}
				}
				next += int64(n)
			}
			b.StopTimer()
			stats := server.Do("INFO", "commandstats")
			calls, inner := 0.0, 0.0
			for _, m := range regexp.MustCompile(`cmdstat_(\w+)[|\w]*:calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
				n, _ := strconv.ParseFloat(m[2], 64)
				switch m[1] {
				case "evalsha", "eval":
					calls += n
				case "config", "info":
				default:
					inner += n
				}
			}
			b.ReportMetric(calls/float64(b.N), "commands/op")
			b.ReportMetric(inner/float64(b.N), "inner/op")
			b.ReportMetric((serverCPU(server)-cpu)*1e6/float64(b.N), "redis-µs/op")
		})
	}
}

// BenchmarkOutbox counts one message, queued and then committed, as an operation.
func BenchmarkOutbox(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprint("memory/batch=", batch), func(b *testing.B) { benchOutbox(b, NewMemory(Options{}), batch) })
		b.Run(fmt.Sprint("redis/batch=", batch), func(b *testing.B) {
			server := redistest.Start(b)
			r := dialRedis(b, server, Options{})
			cpu := serverCPU(server)
			benchOutbox(b, r, batch)
			b.ReportMetric((serverCPU(server)-cpu)*1e6/float64(b.N), "redis-µs/op")
		})
	}
}

func benchOutbox(b *testing.B, c client, batch int) {
	b.ReportAllocs()
	for done := 0; done < b.N; {
		items := benchEvents(1, min(batch, b.N-done), int64(done))
		queue := make([]Append, len(items))
		for i, item := range items {
			queue[i] = Append{ChatID: item.ChatID, Aliases: item.Aliases, Queue: &Item{Name: item.Aliases[0], Data: benchBody}}
		}
		queued := c.Append(soon(b), queue)
		for i := range items {
			items[i].Done = &Done{Name: items[i].Aliases[0], Fence: queued[i].Outbox.Fence}
		}
		for _, got := range c.Append(soon(b), items) {
			if got.Err != nil || got.Repeat {
				b.Fatalf("%+v", got)
			}
		}
		done += len(items)
	}
}

func serverCPU(server *redistest.Server) float64 {
	total := 0.0
	for _, m := range regexp.MustCompile(`used_cpu_(?:sys|user):([\d.]+)`).FindAllStringSubmatch(server.Do("INFO", "cpu"), -1) {
		n, _ := strconv.ParseFloat(m[1], 64)
		total += n
	}
	return total
}
