// Package importrules states which package of silo may import which, and checks it.
//
// The rules keep three promises. An application that imports silo gets a small set of packages and no
// host code. The host never runs guest code. What is pure stays pure: a package without I/O can be
// simulated ten thousand times in a test.
//
// Rules are values ([Rules]); [Check] compares them with what `go list -json` says and returns one line
// for each import that no rule allows. The test of this package checks the whole module.
//
//	packages, err := importrules.List(ctx, dir)
//	for _, line := range importrules.Check(importrules.Rules, packages) { … }
package importrules
