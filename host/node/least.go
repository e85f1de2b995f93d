package node

import (
	"os"

	"github.com/silo-os/silo/host/vmm"
)

// beside is what a guest needs at boot beside its archive, which stays in memory: its kernel, PID 1, and what both keep
// free. With 24 MiB an image of 59 MiB did not boot, with 28 MiB it did.
const beside = 32 << 20

// LeastMemory is the least boot memory that an image needs, bytes; 0 for an archive that cannot be read.
func LeastMemory(initramfs string) int64 {
	info, err := os.Stat(initramfs)
	if err != nil {
		return 0 // the start says why
	}
	return (info.Size() + beside + vmm.BlockSize - 1) / vmm.BlockSize * vmm.BlockSize
}
