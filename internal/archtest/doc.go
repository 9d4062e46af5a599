// Package archtest has tests only. They read the source of the whole module and hold the rules that no compiler
// holds: which package may import which, who may read the environment, that no test sleeps to wait, that files stay
// short and packages say what they are for, and that tables which exist twice on purpose are equal.
//
// A rule looks at one file and returns what is wrong with it; each rule is tested with a planted fault as well.
package archtest
