package template

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/silo-os/silo/host/vmm/internal/pages"
)

const page = pages.Size

// copyPages copies size bytes of memory from one file to another, which is empty there. Only pages that
// are not all zeros are written, so the copy takes no more room than it must. It returns a checksum of
// those pages and their places.
func copyPages(to *os.File, toAt int64, from *os.File, fromAt, size int64) (check uint32, err error) {
	err = pages.Runs(from, fromAt, size, func(place int64, b []byte) error {
		if _, err := to.WriteAt(b, toAt+place); err != nil {
			return fmt.Errorf("write memory: %w", err)
		}
		check = sum(check, place, b)
		return nil
	})
	return check, err
}

// sum adds pages to a checksum, each with its place: how they came together does not matter.
func sum(check uint32, place int64, b []byte) uint32 {
	for len(b) > 0 {
		n := min(page, len(b))
		var at [8]byte
		binary.LittleEndian.PutUint64(at[:], uint64(place))
		check = crc32.Update(crc32.Update(check, castagnoli, at[:]), castagnoli, b[:n])
		b, place = b[n:], place+int64(n)
	}
	return check
}

// checkStream is the checksum of size bytes of a file.
func checkStream(f *os.File, at, size int64) (uint32, error) {
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, io.NewSectionReader(f, at, size)); err != nil {
		return 0, fmt.Errorf("read devices: %w", err)
	}
	return h.Sum32(), nil
}
