package scenario

import (
	"slices"
	"testing"
)

// The steps of idle hold whole chats, ascend, and end with all sockets.
func TestThirds(t *testing.T) {
	for _, tt := range []struct {
		chats, sockets int
		want           []int
	}{
		{7500, 2, []int{5000, 10_000, 15_000}}, {10, 2, []int{6, 12, 20}}, {3, 1, []int{1, 2, 3}}, {2, 5, []int{5, 10}}, {1, 5, []int{5}},
	} {
		if got := thirds(tt.chats, tt.sockets); !slices.Equal(got, tt.want) {
			t.Errorf("thirds(%d, %d) = %v, want %v", tt.chats, tt.sockets, got, tt.want)
		}
	}
}
