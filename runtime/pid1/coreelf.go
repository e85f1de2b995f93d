package pid1

import (
	"bytes"
	"encoding/binary"
	"io"

	"gvisor.dev/gvisor/pkg/abi/linux"
)

// Notes of a core, as the kernel's own cores have them; debuggers ask for no more.
const (
	noteStatus  = 1 // elf_prstatus: a thread, and its registers
	noteFloat   = 2 // its floating point registers
	noteProcess = 3 // elf_prpsinfo
	noteAux     = 6
	noteXState  = 0x202 // all its registers that are not general ones, as XSAVE lays them out
	noteFile    = 0x46494c45
)

// What gVisor's names for ELF do not have, and debug/elf, which does, brings readers of debug information along.
const (
	elfCore = 4
	elfX86  = 62
	elfLoad = 1
	elfNote = 4
)

// coreThread is a thread that stands still.
type coreThread struct {
	id     int
	signal int // that it is about to take; 0 = none
	regs   [27]uint64
	float  []byte
	xstate []byte // empty = the processor has none
}

// coreImage is a process that stands still, but for what is in its memory.
type coreImage struct {
	pid, parent, group, session int
	uid, gid                    uint32
	name, args                  string
	aux                         []byte // its auxiliary vector
	threads                     []coreThread
	maps                        []mapping
}

// write writes the core. memory reads what is at an address.
func (c coreImage) write(w io.Writer, memory func(at uint64, b []byte) error) error {
	if _, err := w.Write(c.head()); err != nil {
		return err
	}
	buf := make([]byte, 64*kib)
	for _, m := range c.maps {
		for at, end := m.start, m.start+m.kept(); at < end; {
			b := buf[:min(uint64(len(buf)), end-at)]
			if err := memory(at, b); err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			at += uint64(len(b))
		}
	}
	return nil
}

// size is what is kept of its memory, bytes.
func (c coreImage) size() (n uint64) {
	for _, m := range c.maps {
		n += m.kept()
	}
	return n
}

// head is what precedes the memory, in whole pages.
func (c coreImage) head() []byte {
	const headerSize, progSize = 64, 56
	notes := c.notes()
	at := uint64(headerSize + progSize*(1+len(c.maps)))
	h := linux.ElfHeader64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: elfCore, Machine: elfX86, Version: 1,
		Phoff: headerSize, Ehsize: headerSize, Phentsize: progSize, Phnum: uint16(1 + len(c.maps)),
	}
	progs := []linux.ElfProg64{{Type: elfNote, Off: at, Filesz: uint64(len(notes)), Align: 4}}
	whole := (at + uint64(len(notes)) + pageSize - 1) / pageSize * pageSize
	for off, i := whole, 0; i < len(c.maps); i++ {
		m := c.maps[i]
		progs = append(progs, linux.ElfProg64{Type: elfLoad, Flags: m.flags(), Off: off, Vaddr: m.start, Filesz: m.kept(), Memsz: m.end - m.start, Align: pageSize})
		off += m.kept()
	}
	b := append(packed(h, progs), notes...)
	return append(b, make([]byte, whole-uint64(len(b)))...)
}

// flags are its permissions as ELF has them.
func (m mapping) flags() (f uint32) {
	for i, bit := range []uint32{4, 2, 1} {
		if m.perm[i] != '-' {
			f |= bit
		}
	}
	return f
}

// notes are in the order of the kernel's: the first thread, the process, then all others.
func (c coreImage) notes() (b []byte) {
	for i, t := range c.threads {
		b = append(b, note(noteStatus, c.status(t))...)
		if i == 0 {
			b = append(b, note(noteProcess, c.process())...)
			b = append(b, note(noteAux, c.aux)...)
			b = append(b, note(noteFile, c.files())...)
		}
		b = append(b, note(noteFloat, t.float)...)
		if len(t.xstate) > 0 {
			n := note(noteXState, t.xstate)
			copy(n[12:], "LINUX\x00")
			b = append(b, n...)
		}
	}
	return b
}

// note is one note. Both names, CORE and LINUX, take eight bytes.
func note(kind uint32, data []byte) []byte {
	size := uint32(len("CORE\x00"))
	if kind == noteXState {
		size = uint32(len("LINUX\x00"))
	}
	b := packed(size, uint32(len(data)), kind, [8]byte{'C', 'O', 'R', 'E'}, data)
	return append(b, make([]byte, -len(data)&3)...)
}

// status is an elf_prstatus.
func (c coreImage) status(t coreThread) []byte {
	return packed(int32(t.signal), int32(0), int32(0), int16(t.signal), int16(0), uint64(0), uint64(0),
		int32(t.id), int32(c.parent), int32(c.group), int32(c.session), [8]uint64{}, t.regs, int32(1), int32(0))
}

// process is an elf_prpsinfo.
func (c coreImage) process() []byte {
	var name [16]byte
	var args [80]byte
	copy(name[:len(name)-1], c.name)
	copy(args[:len(args)-1], c.args)
	return packed([4]byte{1, 'S'}, uint32(0), uint64(0), c.uid, c.gid, int32(c.pid), int32(c.parent), int32(c.group), int32(c.session), name, args)
}

// files says which parts of which files are mapped where.
func (c coreImage) files() []byte {
	var n uint64
	var ranges, names []byte
	for _, m := range c.maps {
		if m.inode != 0 {
			n++
			ranges = append(ranges, packed(m.start, m.end, m.offset/pageSize)...)
			names = append(append(names, m.name...), 0)
		}
	}
	return packed(n, uint64(pageSize), ranges, names)
}

// packed are values of fixed size as x86-64 has them in memory, with nothing between them.
func packed(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err) // a type without a fixed size: a bug
		}
	}
	return b.Bytes()
}
