package pid1

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func testImage() coreImage {
	return coreImage{
		pid: 40, parent: 1, group: 40, session: 40, uid: 7, gid: 8, name: "a program of a long name", args: "/app/main serve", aux: make([]byte, 32),
		threads: []coreThread{{id: 40, signal: 11, regs: [27]uint64{16: 0x401000}, float: make([]byte, 512), xstate: make([]byte, 831)}, {id: 41, float: make([]byte, 512)}},
		maps: []mapping{
			{0x400000, 0x500000, "r-xp", 0, 7, "/app/main"}, {0x500000, 0x502000, "rw-p", 0x100000, 7, "/app/main"},
			{0xc000000000, 0xc000030000, "rw-p", 0, 0, ""}, {0xc000030000, 0xc004000000, "---p", 0, 0, ""},
		},
	}
}

// fill is a memory where each page holds its number.
func fill(at uint64, b []byte) error {
	for i := range b {
		b[i] = byte((at + uint64(i)) / pageSize)
	}
	return nil
}

// TestCoreELF: what is written is a core to who knows ELF, with each byte where it was.
func TestCoreELF(t *testing.T) {
	var file bytes.Buffer
	if err := testImage().write(&file, fill); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 || len(f.Progs) != 5 {
		t.Fatalf("%v for %v of %d parts", f.Type, f.Machine, len(f.Progs))
	}
	checkLoads(t, f.Progs[1:])
	p := f.Progs[4]
	if p.Filesz != 0 || p.Memsz != 0xc004000000-0xc000030000 || p.Flags != 0 || f.Progs[1].Flags != elf.PF_R|elf.PF_X {
		t.Errorf("%+v, %+v", p.ProgHeader, f.Progs[1].ProgHeader)
	}
	if last := f.Progs[3]; uint64(file.Len()) != last.Off+last.Filesz {
		t.Errorf("%d bytes, and the last part ends at %d", file.Len(), last.Off+last.Filesz)
	}
	notes, err := io.ReadAll(f.Progs[0].Open())
	if err != nil {
		t.Fatal(err)
	}
	checkNotes(t, notes)
}

func checkLoads(t *testing.T, loads []*elf.Prog) {
	t.Helper()
	for i, m := range testImage().maps {
		p := loads[i]
		got, want := make([]byte, p.Filesz), make([]byte, m.kept())
		if _, err := io.ReadFull(p.Open(), got); err != nil {
			t.Fatal(err)
		}
		if _ = fill(m.start, want); p.Type != elf.PT_LOAD || p.Vaddr != m.start || p.Off%pageSize != 0 || !bytes.Equal(got, want) {
			t.Errorf("part %d: %+v", i, p.ProgHeader)
		}
	}
}

func checkNotes(t *testing.T, b []byte) {
	t.Helper()
	u32 := binary.LittleEndian.Uint32
	var kinds []uint32
	for len(b) > 0 {
		size, kind := u32(b[4:]), u32(b[8:])
		data := b[20 : 20+size]
		first := len(kinds) == 0
		switch kinds = append(kinds, kind); kind {
		case noteStatus:
			if size != 336 || first && (u32(data) != 11 || u32(data[32:]) != 40 || u32(data[112+16*8:]) != 0x401000) {
				t.Errorf("status of %d bytes: %x", size, data)
			}
		case noteProcess:
			if size != 136 || u32(data[24:]) != 40 || string(data[40:56]) != "a program of a \x00" || !bytes.HasPrefix(data[56:], []byte("/app/main serve\x00")) {
				t.Errorf("process of %d bytes: %x", size, data)
			}
		case noteXState:
			if u32(b) != 6 || string(b[12:18]) != "LINUX\x00" || size != 831 {
				t.Errorf("registers of %d bytes by %q", size, b[12:20])
			}
		case noteFile:
			if u32(data) != 2 || !bytes.HasSuffix(data, []byte("/app/main\x00/app/main\x00")) || u32(data[16+24+16:]) != 0x100 {
				t.Errorf("files: %x", data)
			}
		}
		b = b[20+(size+3)&^3:]
	}
	want := []uint32{noteStatus, noteProcess, noteAux, noteFile, noteFloat, noteXState, noteStatus, noteFloat}
	if len(kinds) != len(want) {
		t.Fatalf("notes %v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Fatalf("notes %v, want %v", kinds, want)
		}
	}
}

// TestCoreELFFails: who cannot read or be written to ends it.
func TestCoreELFFails(t *testing.T) {
	gone := errors.New("gone")
	if err := testImage().write(io.Discard, func(uint64, []byte) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	_, w := io.Pipe()
	w.CloseWithError(gone)
	if err := testImage().write(w, fill); err == nil {
		t.Error("written to nobody")
	}
}
