// Package smallfs is for tests: a file system that is soon full.
//
// There is nothing to it but [Mount]: the file system is there from its call to the end of the test. There are no locks. To mount takes root:
// without, the test fails where CI=true and is skipped elsewhere, in both cases with the fix.
//
//	dir := t.TempDir()
//	smallfs.Mount(t, dir, "64k")
package smallfs
