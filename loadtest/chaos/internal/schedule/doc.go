// Package schedule decides which faults strike when. A schedule is a pure function of its options, the seed among
// them, so a run can be repeated; it knows neither processes nor sockets.
//
// Faults of different targets overlap as chance has it; two faults of one target never do. A wipe of Redis keeps away
// from everything that ends or stops an instance, since what only that instance and Redis knew would be gone then:
// that much is not promised.
package schedule
