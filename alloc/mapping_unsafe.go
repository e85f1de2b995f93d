package alloc

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is a range of address space outside the Go heap.
type mapping struct {
	raw  []byte // as mapped
	base []byte // aligned to a huge page
}

// reserveSpace reserves size bytes that nothing may touch yet.
func reserveSpace(size int64) (mapping, error) {
	raw, err := unix.Mmap(-1, 0, int(size+hugePage), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return mapping{}, fmt.Errorf("reserve %d bytes of address space: %w", size, err)
	}
	skip := -int64(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (hugePage - 1)
	return mapping{raw: raw, base: raw[skip : skip+size : skip+size]}, nil
}

// slice is the memory of e. Its capacity ends with it, so that an append never runs into a neighbour.
func (m mapping) slice(e extent) []byte { return m.base[e.at:e.end():e.end()] }

// offset says where b begins, or false if that is not in the mapping.
func (m mapping) offset(b []byte) (int64, bool) {
	d := int64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) - int64(uintptr(unsafe.Pointer(unsafe.SliceData(m.base))))
	return d, d >= 0 && d < int64(len(m.base))
}

// populate makes pages usable and touches them now, so that no thread waits in a page fault later:
// a goroutine that does holds its processor.
func (m mapping) populate(e extent) error {
	b := m.slice(e)
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("make pages accessible: %w", err)
	}
	// Only a hint: without huge pages the arena works, in 4 KiB pages.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	err := unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	if err == unix.EINVAL { // before Linux 5.14
		for i := 0; i < len(b); i += 4096 {
			b[i] = 0
		}
		return nil
	}
	return err
}

// discard gives pages back to the kernel. Guarded pages crash whoever touches them.
func (m mapping) discard(e extent, guard bool) error {
	b := m.slice(e)
	if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("give pages back: %w", err)
	}
	if guard {
		return unix.Mprotect(b, unix.PROT_NONE)
	}
	return nil
}

func (m mapping) release() error { return unix.Munmap(m.raw) }
