package vmm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// What tests outside the package need of its inside.
var (
	BootProbe  = bootProbe
	ProbeGuest = probeGuest

	ElasticRegion = Config.elasticRegion
)

// MemorySum is a digest of a machine's memory.
func MemorySum(vm *VM) (sum [32]byte, err error) {
	files, err := vm.openMemory()
	defer closeAll(files)
	h := sha256.New()
	for _, f := range files {
		if _, err := io.Copy(h, f); err != nil {
			return sum, err
		}
	}
	h.Sum(sum[:0])
	return sum, err
}

// SameMemory compares the memories of two machines that stand still.
func SameMemory(a, b *VM) error {
	var all [2][]*os.File
	for i, vm := range []*VM{a, b} {
		var err error
		if all[i], err = vm.openMemory(); err != nil {
			return err
		}
		defer closeAll(all[i])
	}
	var page [2][1 << 20]byte
	for i := range all[0] {
		for at := int64(0); ; at += 1 << 20 {
			n, err := all[0][i].ReadAt(page[0][:], at)
			m, _ := all[1][i].ReadAt(page[1][:], at)
			if !bytes.Equal(page[0][:n], page[1][:m]) {
				return fmt.Errorf("memory %d differs in the MiB at %d", i, at)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
