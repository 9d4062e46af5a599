package actors

import (
	"fmt"
	"testing"

	"eclipse/actors/messages"
)

func TestSavesAreFoundHoweverMany(t *testing.T) {
	s := saves{done: recent[string]{bound: recentMessages}}
	all := make([]*save, 3*fewSaves)
	for i := range all {
		all[i] = &save{key: fmt.Sprint(i), clientID: "c", request: &messages.PersistRequest{}}
		s.begin(all[i])
	}
	for i, v := range all {
		if s.find(v.key) != v || !s.has(v) {
			t.Fatalf("%d is not found", i)
		}
		if s.end(v, "id-"+v.key, true); s.find(v.key) != nil {
			t.Fatalf("%d is found after its end", i)
		}
		for _, other := range all[i+1:] {
			if s.find(other.key) != other {
				t.Fatalf("%s is lost with the end of %d", other.key, i)
			}
		}
	}
	if s.underway != nil || s.index != nil {
		t.Error("nothing is under way, and memory is kept")
	}
}
