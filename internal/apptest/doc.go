// Package apptest runs servers that know nothing of silo, as their authors publish them, in guests, and speaks to them with
// their own clients. It has tests only, but for the versions, which benchmarks use too.
//
// Each server is built from the module proxy and starts in the smallest memory that a guest is usually given, so that it
// gets where it is by what PID 1 sees from outside.
package apptest
