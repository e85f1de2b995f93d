package vmtesting_test

import (
	"strings"
	"testing"

	"github.com/silo-os/silo/internal/vmtesting"
)

// What is missing fails a test on a CI machine.
func TestRequireOnCI(t *testing.T) {
	t.Setenv("CI", "true")
	t.Setenv("PATH", t.TempDir())
	t.Setenv(vmtesting.KernelEnv, "")
	for _, tt := range []struct {
		what func(testing.TB)
		fix  string
	}{
		{func(t testing.TB) { vmtesting.RequireQEMU(t) }, "apt-get install qemu-system-x86"},
		{func(t testing.TB) { vmtesting.RequireKernel(t) }, "go run mage.go test"},
	} {
		said, failed := record(t, noLimit, tt.what)
		if !failed || !strings.Contains(said, tt.fix) {
			t.Errorf("failed = %v, said %q; want a failure that names the fix %q", failed, said, tt.fix)
		}
	}
}
