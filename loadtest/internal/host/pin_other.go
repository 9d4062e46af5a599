//go:build !linux

package host

import "errors"

// Pins says which processors the server gets; here always the kernel's choice.
type Pins struct{}

// Pin is not possible here.
func Pin() (Pins, error) { return Pins{}, errors.New("pinning needs Linux") }

func (Pins) onServer(start func() error) error { return start() }
