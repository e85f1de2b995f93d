package images

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// pvhNote is the type of the note, named "Xen", by which a kernel says that it can be
// entered in 32-bit mode with nothing but a memory map: XEN_ELFNOTE_PHYS32_ENTRY.
const pvhNote = 18

// requirePVH returns a *DamagedError unless the kernel at path has a PVH entry point.
func requirePVH(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return &DamagedError{path, err.Error()}
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE && hasNote(p.Open(), "Xen", pvhNote) {
			return nil
		}
	}
	return &DamagedError{path, "it has no PVH entry point"}
}

// hasNote looks for a note in a segment of notes. Names and contents are padded to 4 bytes.
func hasNote(r io.Reader, name string, kind uint32) bool {
	for {
		var header struct{ NameSize, DescSize, Type uint32 }
		if binary.Read(r, binary.LittleEndian, &header) != nil {
			return false
		}
		body := make([]byte, pad4(header.NameSize)+pad4(header.DescSize))
		if _, err := io.ReadFull(r, body); err != nil {
			return false
		}
		if header.Type == kind && header.NameSize > 0 && string(body[:header.NameSize-1]) == name {
			return true
		}
	}
}

func pad4(n uint32) int64 { return (int64(n) + 3) &^ 3 }

// isELF tells whether the file at path begins as an ELF file does.
func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == elf.ELFMAG
}

// requireStatic returns a *NotStaticError unless the file is a program that runs on a Linux
// of this architecture that has no other file.
func requireStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return &NotStaticError{path, err.Error()}
	}
	defer f.Close()
	switch {
	case f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64:
		return &NotStaticError{path, fmt.Sprintf("it is for %v", f.Machine)}
	case f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN:
		return &NotStaticError{path, fmt.Sprintf("it is a file of type %v", f.Type)}
	case f.OSABI != elf.ELFOSABI_NONE && f.OSABI != elf.ELFOSABI_LINUX:
		return &NotStaticError{path, fmt.Sprintf("it is for %v", f.OSABI)}
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader, _ := io.ReadAll(p.Open())
		return &NotStaticError{path, fmt.Sprintf("it needs the loader %s and libraries", strings.TrimRight(string(loader), "\x00"))}
	}
	return nil
}
