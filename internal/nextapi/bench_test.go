package nextapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func benchmarkSizes(b *testing.B, run func(b *testing.B, messages []Message, answer []byte)) {
	for _, n := range []int{1, 16, 100} {
		messages, items := make([]Message, n), make([]string, n)
		for i := range messages {
			id := fmt.Sprintf("m%031d", i)
			messages[i] = message(id, "chat-"+id)
			messages[i].Content = strings.Repeat("Where is my parcel? ", 5)
			items[i] = itemStored(id)
		}
		answer := []byte(batchOf(items...))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			run(b, messages, answer)
		})
	}
}

func BenchmarkEncodeBatch(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, messages []Message, _ []byte) {
		for b.Loop() {
			appendBatch(make([]byte, 0, perMessageEst*len(messages)), messages)
		}
	})
}

func BenchmarkReadBatch(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, messages []Message, answer []byte) {
		results := make([]Result, len(messages))
		for b.Loop() {
			if err := readBatch(answer, messages, results); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReadBatchStandard is the yardstick: the same answer through encoding/json.
func BenchmarkReadBatchStandard(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, _ []Message, answer []byte) {
		for b.Loop() {
			var a struct {
				Results []struct {
					Status  int             `json:"status"`
					Error   string          `json:"error"`
					Message json.RawMessage `json:"message"`
				} `json:"results"`
			}
			if err := json.Unmarshal(answer, &a); err != nil {
				b.Fatal(err)
			}
			for i := range a.Results {
				var m struct {
					ID string `json:"id"`
				}
				if err := json.Unmarshal(a.Results[i].Message, &m); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkStoreBatch is a whole call over loopback, the test's own server included.
func BenchmarkStoreBatch(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, messages []Message, answer []byte) {
		c := against(b, reply(200, string(answer)))
		for b.Loop() {
			if r := c.StoreBatch(b.Context(), messages); r[0].Class != Stored {
				b.Fatalf("%+v", r[0])
			}
		}
	})
}
