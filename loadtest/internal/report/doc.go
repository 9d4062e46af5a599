// Package report holds what a run found out: figures as data, JSON for machines, a table for people, one line of
// progress on a terminal, and the ratio of two results. It computes from figures that are given to it and does no I/O
// but writing them.
package report
