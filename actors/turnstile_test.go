package actors

import (
	"slices"
	"testing"
)

func TestTurnstile(t *testing.T) {
	var line turnstile[int]
	for i := range 5 {
		line.push(i)
	}
	for i := range 3 {
		if v, ok := line.next(3); !ok || v != i {
			t.Fatalf("%d: %d, %v", i, v, ok)
		}
	}
	if v, ok := line.next(3); ok {
		t.Fatalf("%d is let in past the bound", v)
	}
	line.ended()
	if v, ok := line.next(3); !ok || v != 3 {
		t.Fatalf("%d, %v after one has ended", v, ok)
	}
	line.ended()
	line.ended()
	if v, ok := line.next(3); !ok || v != 4 {
		t.Fatalf("%d, %v", v, ok)
	}
	if _, ok := line.next(3); ok || line.underway != 2 {
		t.Errorf("one came out of nothing, %d under way", line.underway)
	}
}

func TestTurnstileTakesAFew(t *testing.T) {
	var line turnstile[int]
	for i := range 5 {
		line.push(i)
	}
	first, second := line.nextFew(2, 3), line.nextFew(2, 3)
	if !slices.Equal(first, []int{0, 1, 2}) || !slices.Equal(second, []int{3, 4}) || line.underway != 2 {
		t.Errorf("%v and %v, %d under way", first, second, line.underway)
	}
	_ = append(first, 9)
	if second[0] != 3 {
		t.Error("the few of two calls overlap")
	}
	line.push(5)
	if few := line.nextFew(2, 3); few != nil {
		t.Errorf("%v are let in past the bound", few)
	}
}
