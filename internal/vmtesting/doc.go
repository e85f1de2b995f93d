// Package vmtesting is what tests need that boot virtual machines: the tools with a skip
// that names the fix, a kernel, initramfs archives with one program, and Start, which boots
// an image by vmtest with silo's own command line.
//
// With CI=true nothing is skipped: what is missing fails the test.
//
//	func TestServes(t *testing.T) {
//		guest := vmtesting.Start(t, vmm.Config{
//			Kernel:    vmtesting.RequireKernel(t),
//			Initramfs: vmtesting.Initramfs(t, "./testdata/init"),
//			BootMemory: 64 << 20, MaxMemory: 1 << 30, VCPUs: 2,
//		})
//		guest.AwaitConsole("ready")
//		… guest.Port … guest.QMP …
//	}
//
// # Life of a guest
//
// Start returns a guest that runs. It ends when the test ends, when it powers itself off,
// or by Stop; whichever comes first, its process, connections and goroutines are gone when
// the test is over. A guest that panics, or outlives the test's deadline, fails the test
// and logs the last lines of its console and a command that starts it by hand.
package vmtesting
