// Package config is the router's one struct of settings: defaults, the environment, a .env file, and the check that
// reports every fault at once.
//
// Only main calls it, once, at start; a Config is then read and never changed. It is the only package that knows
// the names of environment variables. It imports nothing of ours, starts nothing, and blocks for no longer than it
// takes to read a small file.
//
// A variable is declared in one place, its field in Config: the tags carry its name, default, bounds, unit and
// meaning. The -help text, .env.example and the table in the README are made from them.
//
// Secrets have a type that shows nothing of itself when it is printed, logged or encoded. Texts of faults quote
// what a plain variable holds, and never what a secret holds.
package config
