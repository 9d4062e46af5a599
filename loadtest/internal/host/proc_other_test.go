//go:build !linux

package host

import (
	"errors"
	"testing"
)

func TestUsageIsUnknown(t *testing.T) {
	if _, err := Self()(t.Context()); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}
