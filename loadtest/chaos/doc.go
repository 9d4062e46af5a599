// Command chaos proves that every message arrives exactly once and in one order, through any crash:
// go run ./loadtest/chaos -h.
//
// It builds the router, starts two or more instances with a real Redis and a fake API, lets hundreds of clients talk,
// and has the faults of a schedule strike: instances are killed, stopped and restarted, also at chosen points of a
// message's way; Redis is killed, paused and wiped, its connections are cut, silent or slow, and lose replies and
// entries; the API fails in every way that it can; clients drop, hang and come back all at once. Then everything is
// healed, and what clients saw is compared with the database and the log.
//
// The seed decides the schedule, so that a run can be repeated; how processes interleave is not repeated. Timers of
// clients, and the times for which the router waits for the API, are shorter than real ones by -scale.
//
// It ends by itself and leaves nothing running. Exit status 0: every promise was kept; 1: one was broken, and the seed
// is printed; 2: it could not be run.
package main
