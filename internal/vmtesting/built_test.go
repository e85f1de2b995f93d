package vmtesting_test

import (
	"strings"
	"testing"

	"github.com/silo-os/silo/internal/vmtesting"
	"github.com/silo-os/silo/internal/vmtesting/built"
)

// TestImageIsBuiltOnce: who asks again has the same image; what does not build fails each test that wants it.
func TestImageIsBuiltOnce(t *testing.T) {
	vmtesting.RequireKernel(t)
	const app = "../../cmd/silo/testdata/app"
	if first, second := built.Image(t, app), built.Image(t, app); first != second {
		t.Errorf("built twice: %+v, %+v", first, second)
	}
	for range 2 {
		said, failed := record(t, noLimit, func(t testing.TB) { built.Image(t, "./no/such/package") })
		if !failed || !strings.Contains(said, "no package ./no/such/package") {
			t.Errorf("failed = %v, said %q", failed, said)
		}
	}
}
