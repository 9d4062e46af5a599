package client

import (
	"math/rand/v2"
	"testing"
)

func at(epoch string, offset uint64) position { return position{epoch, offset} }

func TestASequenceMovesOverWhatIsComplete(t *testing.T) {
	var s sequence
	s.moveTo(at("a", 10))
	for _, tc := range []struct {
		see  position
		hole bool
		want uint64
	}{
		{at("a", 11), false, 11},
		{at("a", 13), true, 11},
		{at("a", 14), true, 11},
		{at("a", 12), false, 14},
		{at("a", 12), false, 14}, // again
	} {
		if hole := s.see(tc.see); hole != tc.hole || s.at != at("a", tc.want) {
			t.Errorf("%v: hole %v, at %v", tc.see, hole, s.at)
		}
	}
	if !s.see(at("b", 1)) || s.at != at("a", 14) {
		t.Errorf("a new log shows no hole: at %v", s.at)
	}
	if s.moveTo(at("b", 0)); s.at != at("b", 1) {
		t.Errorf("at %v", s.at)
	}
	if s.moveTo(at("a", 99)); s.at != at("b", 1) {
		t.Errorf("it went back to %v", s.at)
	}
	s.note(at("b", 7))
	if s.settle(); s.at != at("b", 7) {
		t.Errorf("at %v", s.at)
	}
}

func TestAnyOrderEndsAtTheHead(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var s sequence
		s.moveTo(at("a", 0))
		const n = 50
		for _, i := range random.Perm(n) {
			s.see(at("a", uint64(i+1)))
		}
		if s.at != at("a", n) || len(s.ahead) != 0 {
			t.Fatalf("at %v, %d ahead", s.at, len(s.ahead))
		}
	}
}
