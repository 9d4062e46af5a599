//go:build !linux

package host

import (
	"context"
	"errors"
)

func process(int) Meter {
	return func(context.Context) (Usage, error) {
		return Usage{}, errors.New("reading another process's usage needs Linux; give -metrics instead")
	}
}
