// Package daemontest has the tests of silo node that only real machines show: that guests outlive it, are taken up again
// by the next one, and that it may be cut off between any two steps.
package daemontest
