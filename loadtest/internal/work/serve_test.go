package work

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"
)

// Ticks that are taken while stretches begin and end must not carry what was measured into one that is not, nor out of it.
func TestNoTickIsLostBetweenStretches(t *testing.T) {
	var out bytes.Buffer
	s := &service{out: json.NewEncoder(&out), worker: &worker{meter: newMeter()}}
	quit := make(chan struct{})
	var ticking sync.WaitGroup
	for range 4 {
		ticking.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
					s.tick()
				}
			}
		})
	}
	const stretches, messages = 200, 3
	for range stretches {
		s.begin(true)
		for range messages {
			s.worker.meter.sent(0, true)
		}
		s.begin(false)
		s.send(Event{Done: &Done{}})
		s.worker.meter.sent(0, false)
	}
	close(quit)
	ticking.Wait()
	var measured, done int64
	for d := json.NewDecoder(&out); d.More(); {
		var e Event
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Done != nil {
			if done++; measured != done*messages {
				t.Fatalf("%d measured messages before the end of stretch %d, want %d", measured, done, done*messages)
			}
		}
		if e.Tick != nil && e.Tick.Measured {
			measured += e.Tick.Sent
		}
	}
	if done != stretches {
		t.Errorf("%d stretches", done)
	}
}
