package disk

import (
	"bytes"
	"debug/elf"
	_ "embed" // stub.bin
	"encoding/binary"
	"fmt"
	"io"
)

//go:embed stub.bin
var stub []byte

// The kernel's first page as it is written.
const (
	pageSize    = 4096
	headerAt    = 0x200    // Multiboot2 header; anywhere in the first 32 KiB, at a multiple of 8
	stubAt      = 0x400    // stub.bin
	stubAddress = 0x100000 // where it runs; as in stub.S
	entryAt     = 4        // in the stub: where it jumps
)

// pvhNote is the type of the note with the entry point (XEN_ELFNOTE_PHYS32_ENTRY).
const pvhNote = 18

// KernelError says why a kernel cannot be put on a disk.
type KernelError struct{ Reason string }

// Error implements error.
func (e *KernelError) Error() string { return "make kernel bootable: " + e.Reason }

// bootablePage returns the first page of a kernel with a Multiboot2 header and the stub in it, which GRUB enters in the
// kernel's place. The program header of the notes becomes that of the stub: nobody looks at notes any more.
func bootablePage(kernel io.ReaderAt) ([]byte, error) {
	f, err := elf.NewFile(kernel)
	if err != nil {
		return nil, &KernelError{err.Error()}
	}
	page := make([]byte, pageSize)
	if _, err := kernel.ReadAt(page, 0); err != nil {
		return nil, &KernelError{err.Error()}
	}
	note, entry, err := findEntry(f)
	if err != nil {
		return nil, err
	}
	table := int(binary.LittleEndian.Uint64(page[0x20:])) // of program headers
	end := table + len(f.Progs)*56
	if f.Class != elf.ELFCLASS64 || table < 64 || end > headerAt || len(bytes.Trim(page[end:], "\x00")) > 0 {
		return nil, &KernelError{"there is more than ELF's headers in its first page"}
	}
	le := binary.LittleEndian
	le.PutUint64(page[0x18:], stubAddress)    // entry point
	le.PutUint64(page[0x28:], 0)              // no section headers: GRUB would load symbols
	copy(page[0x3c:0x40], []byte{0, 0, 0, 0}) // and none counted
	ph := page[table+note*56:]
	le.PutUint32(ph, uint32(elf.PT_LOAD))
	le.PutUint32(ph[4:], uint32(elf.PF_R|elf.PF_W|elf.PF_X))
	for i, v := range []uint64{stubAt, stubAddress, stubAddress, uint64(len(stub)), uint64(len(stub)), 8} {
		le.PutUint64(ph[8+8*i:], v)
	}
	copy(page[headerAt:], multibootHeader())
	copy(page[stubAt:], stub)
	le.PutUint32(page[stubAt+entryAt:], entry)
	return page, nil
}

// findEntry returns the number of the program header of the notes and the PVH entry point in one of them.
func findEntry(f *elf.File) (header int, entry uint32, err error) {
	for i, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		notes, err := io.ReadAll(p.Open())
		if err != nil {
			return 0, 0, &KernelError{err.Error()}
		}
		if entry, ok := readNote(notes); ok {
			return i, entry, nil
		}
	}
	return 0, 0, &KernelError{"it has no PVH entry point"}
}

// readNote looks through notes for the entry point.
func readNote(notes []byte) (entry uint32, ok bool) {
	le := binary.LittleEndian
	padded := func(n uint32) int { return int(n+3) &^ 3 }
	for len(notes) >= 12 {
		nameSize, size, kind := le.Uint32(notes), le.Uint32(notes[4:]), le.Uint32(notes[8:])
		notes = notes[12:]
		if nameSize > pageSize || size > pageSize || len(notes) < padded(nameSize)+padded(size) {
			return 0, false
		}
		name, value := notes[:nameSize], notes[padded(nameSize):]
		if string(name) == "Xen\x00" && kind == pvhNote && size >= 4 {
			return le.Uint32(value), true
		}
		notes = value[padded(size):]
	}
	return 0, false
}

// multibootHeader asks for modules at page boundaries, and for nothing else.
func multibootHeader() []byte {
	const magic, i386, size = 0xe85250d6, 0, 16 + 8 + 8
	le := binary.LittleEndian
	var sum uint32 = magic + i386 + size
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint32(b, i386)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, -sum)
	b = append(b, 6, 0, 0, 0, 8, 0, 0, 0) // tag: module alignment
	return append(b, 0, 0, 0, 0, 8, 0, 0, 0)
}

// bootable reads a kernel with its first page replaced.
func bootable(kernel io.ReaderAt, size int64) (io.Reader, error) {
	page, err := bootablePage(kernel)
	if err != nil {
		return nil, fmt.Errorf("read kernel: %w", err)
	}
	return io.MultiReader(bytes.NewReader(page), io.NewSectionReader(kernel, pageSize, size-pageSize)), nil
}
