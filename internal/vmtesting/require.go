package vmtesting

import (
	"os"
	"os/exec"
	"testing"
)

// KernelEnv names the variable that gives tests a guest kernel.
const KernelEnv = "SILO_TEST_KERNEL"

// RequireQEMU returns the path of QEMU. Without one it fails the test when CI=true and
// skips it otherwise.
func RequireQEMU(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		missing(t, "this test runs QEMU (%v): apt-get install qemu-system-x86", err)
	}
	return path
}

// RequireKernel returns the path of a guest kernel: the one that SILO_TEST_KERNEL names.
// Without one it fails the test when CI=true and skips it otherwise.
func RequireKernel(t testing.TB) string {
	t.Helper()
	path := os.Getenv(KernelEnv)
	if path == "" {
		missing(t, "this test boots a guest kernel: set %s to the path of one, or run: go run mage.go test", KernelEnv)
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, "this test boots the guest kernel that %s names: %v", KernelEnv, err)
	}
	return path
}

// missing ends the test for want of something that every CI machine has.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
