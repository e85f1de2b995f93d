package vmtesting_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
)

// Packages images and host/vmm may not know each other, and both name the words of the
// kernel command line: the one what its kernel wants to be told, the other what it tells.
func TestKernelHearsWhatItWants(t *testing.T) {
	args := vmm.Config{VCPUs: 1}.Args(vmm.Wiring{})
	told := strings.Fields(args[slices.Index(args, "-append")+1])
	for _, word := range images.Cmdline() {
		if !slices.Contains(told, word) {
			t.Errorf("the kernel is not told %s", word)
		}
	}
}
