// Package movetest moves guests between two nodes, each a process in a network namespace of its own (package nettest), with
// mutual TLS between them, and lets everything fail on the way.
//
// Its parts that are no tests, [Pair] and its program in testdata/app, are for benches as well.
package movetest
