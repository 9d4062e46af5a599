// Package scenario is what a load test consists of. A Scenario is a plan with its defaults and the steps that carry
// it out on a Stage. The Stage drives the processes of sockets, reads what the server uses and fills in the result;
// a scenario only says what happens after what.
package scenario
