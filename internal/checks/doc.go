// Package checks is what `go run mage.go test` runs: everything a change must pass, as a list of
// steps. Each is printed with the time it took, and the first that fails ends the run.
//
// The steps go from cheap to dear: format, vet, staticcheck, import rules, unit tests with the
// race detector, the guest kernel, the tests that boot virtual machines: those that want the whole
// machine, and then all others beside one another.
//
//	err := checks.Run(ctx, os.Stdout, "test", checks.All(checks.Config{Dir: "."}))
package checks
