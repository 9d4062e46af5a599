package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mark stands in every message's content, so that a log that holds content is recognised.
const mark = "plain-words"

// words makes a message's content.
func words(format string, args ...any) string { return mark + " " + fmt.Sprintf(format, args...) }

// frame is a decoded JSON object.
type frame map[string]any

// at finds a value by its path, nil when it is not there.
func (f frame) at(path ...string) any {
	var value any = map[string]any(f)
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

func (f frame) str(path ...string) string {
	s, _ := f.at(path...).(string)
	return s
}

func (f frame) num(path ...string) float64 {
	n, _ := f.at(path...).(float64)
	return n
}

func (f frame) typ() string { return f.str("type") }

// keys lists the names of an object's members in order, as one text.
func (f frame) keys(path ...string) string {
	object, _ := f.at(path...).(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(object)), " ")
}
