// Package vmtesting is what tests need that boot virtual machines: the tools, with a skip
// that names the fix, a guest kernel, and initramfs archives with one program.
//
// With CI=true nothing is skipped: what is missing fails the test.
//
//	vmtesting.RequireQEMU(t)
//	cfg := vmm.Config{
//		Kernel:    vmtesting.RequireKernel(t),
//		Initramfs: vmtesting.Initramfs(t, "./testdata/init"),
//		…
//	}
package vmtesting
