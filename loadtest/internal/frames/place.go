package frames

import "encoding/json"

// Place in a chat's log; of two epochs the greater is the newer.
type Place struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// PlaceOf returns the place that a frame names, the zero value when it names none.
func PlaceOf(p []byte) Place {
	var at Place
	if json.Unmarshal(p, &at) != nil || at.Epoch == "" {
		return Place{}
	}
	return at
}

// After tells whether a place comes after another one.
func (p Place) After(o Place) bool {
	return p.Epoch > o.Epoch || p.Epoch == o.Epoch && p.Offset > o.Offset
}
