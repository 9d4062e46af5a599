package chatlog

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkDiskAppend counts one event as an operation. Lanes append at once, each batch after batch and in chats of
// its own.
func BenchmarkDiskAppend(b *testing.B) {
	for _, c := range []struct{ lanes, batch, chats int }{{1, 1, 1}, {4, 1, 1000}, {4, 32, 1000}, {4, 256, 1000}, {4, 256, 4}} {
		b.Run(fmt.Sprintf("lanes=%d/batch=%d/chats=%d", c.lanes, c.batch, c.chats), func(b *testing.B) {
			d := openDiskAt(b, diskPath(b), Options{})
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			var group sync.WaitGroup
			for lane := range c.lanes {
				group.Go(func() { appendBatches(b, d, lane, c.batch, c.chats/c.lanes, &next) })
			}
			group.Wait()
			b.StopTimer()
			d.Close()
			b.ReportMetric(float64(d.file.transactions)/float64(b.N), "commits/op")
		})
	}
}

func appendBatches(b *testing.B, d *Disk, lane, batch, chats int, next *atomic.Int64) {
	for {
		last := next.Add(int64(batch))
		n := int64(batch) - max(0, last-int64(b.N))
		if n <= 0 {
			return
		}
		items := benchEvents(max(chats, 1), int(n), last-int64(batch))
		for i := range items {
			items[i].ChatID += "-" + strconv.Itoa(lane)
		}
		for _, got := range d.Append(soon(b), items) {
			if got.Err != nil || got.Repeat {
				b.Errorf("%+v", got)
				return
			}
		}
	}
}

// BenchmarkDiskOutbox counts as an operation a message that enters the outbox and, in a later call, leaves it and is
// logged.
func BenchmarkDiskOutbox(b *testing.B) {
	const batch = 256
	d := openDiskAt(b, diskPath(b), Options{})
	b.ReportAllocs()
	b.ResetTimer()
	for from := 0; from < b.N; from += batch {
		events := benchEvents(batch, min(batch, b.N-from), int64(from))
		enter := make([]Append, len(events))
		for i, item := range events {
			enter[i] = Append{ChatID: item.ChatID, Aliases: item.Aliases, Queue: &Item{Name: item.Aliases[0], Data: item.Body}}
		}
		for i, got := range d.Append(soon(b), enter) {
			events[i].Done = &Done{Name: enter[i].Queue.Name, Fence: got.Outbox.Fence}
		}
		for _, got := range d.Append(soon(b), events) {
			if got.Err != nil || got.Repeat || got.Outbox.Left != 0 {
				b.Fatalf("%+v", got)
			}
		}
	}
}
