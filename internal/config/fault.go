package config

import "strings"

// Fault is one thing to put right before the router can start.
type Fault struct {
	Name string // the variable, or the file
	Text string // what is wrong and what to do; never holds a secret
}

// Faults is everything to put right, in the order of the variables.
type Faults []Fault

// Error has one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Name + " " + fault.Text
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(name, text string) { *f = append(*f, Fault{name, text}) }

// orNil keeps an empty list from becoming an error that is not nil.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
