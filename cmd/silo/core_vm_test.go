package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/internal/smallfs"
)

// coreHas fails the test unless a file is a core as debuggers read it: the registers of several threads, and at the
// address that the program printed what was there.
func coreHas(t *testing.T, path, printed string) {
	t.Helper()
	_, told, _ := strings.Cut(printed, "kept at 0x")
	var address uint64
	if _, err := fmt.Sscanf(told, "%x", &address); err != nil {
		t.Fatalf("%q: %v", printed, err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 {
		t.Errorf("%v for %v", f.Type, f.Machine)
	}
	notes, text := map[uint32]int{}, ""
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_NOTE:
			countNotes(t, p, notes)
		case p.Type == elf.PT_LOAD && p.Vaddr <= address && address+8192 <= p.Vaddr+p.Filesz:
			b := make([]byte, 8192)
			if _, err := p.ReadAt(b, int64(address-p.Vaddr)); err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
	}
	if want := strings.Repeat("20261129", 1024); text != want {
		t.Errorf("at %#x there is %.40q, want %.40q", address, text, want)
	}
	// Registers, floating point registers and their kin of each thread; the process, its auxiliary vector and its files.
	if threads := notes[1]; threads < 2 || notes[2] != threads || notes[3] != 1 || notes[6] != 1 || notes[0x46494c45] != 1 {
		t.Errorf("notes: %v", notes)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&0o777 != 0o600 {
		t.Errorf("mode %o, %v", st.Mode, err)
	}
	if st.Blocks*512 < 8<<20 || st.Blocks*512 > 48<<20 {
		t.Errorf("it takes %d MiB, of a program that holds 8 and some", st.Blocks*512>>20)
	}
}

func countNotes(t *testing.T, p *elf.Prog, notes map[uint32]int) {
	t.Helper()
	b, err := io.ReadAll(p.Open())
	if err != nil {
		t.Fatal(err)
	}
	for len(b) >= 12 {
		name, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		notes[binary.LittleEndian.Uint32(b[8:])]++
		whole := 12 + (name+3)&^3 + (size+3)&^3
		if uint64(whole) > uint64(len(b)) {
			t.Fatalf("a note of %d bytes, where %d are left", whole, len(b))
		}
		b = b[whole:]
	}
}

// TestRunCore: who wants cores has one of a program that panics, with a node and without, and beside its trace.
func TestRunCore(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	cores := filepath.Join(t.TempDir(), "cores")
	args := []string{"run", dir, "--name", "kv", "--memory", "64M:128M", "--core", cores, "--", "crash"}
	env, start := testNode(t)
	start()
	for _, env := range [][]string{nil, env} {
		path := filepath.Join(cores, "kv.core")
		p := silo(t, env, args...)
		p.wants(134, "panic: boo\n", "silo: the application's core is "+path+"\n")
		if p.err.String() == "" || t.Failed() {
			return
		}
		coreHas(t, path, p.out.String())
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(cores); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	// Without a crash there is none, and who does not want one has an exit as ever.
	silo(t, nil, "run", dir, "--core", cores, "--", "exit", "3").wants(3)
	silo(t, nil, "run", dir, "--", "crash").wants(2, "panic: boo\n")
	if left, err := os.ReadDir(cores); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestNoRoomForCore: the host's disk is full, of which silo says so, and the guest ends as it would.
func TestNoRoomForCore(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	cores := t.TempDir()
	smallfs.Mount(t, cores, "1m")
	p := silo(t, nil, "run", dir, "--core", cores, "--", "crash")
	p.wants(134, "panic: boo\n", "silo: there is no core of the application: write core "+cores, "no space left on device: make room there, or give another folder with --core")
	if left, err := os.ReadDir(cores); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCoreOnRequest: a program that runs is dumped, and counts on, as it does when nobody can take its core.
func TestCoreOnRequest(t *testing.T) {
	t.Parallel()
	env, start := testNode(t)
	start()
	silo(t, env, "run", "-d", appImage(t).Dir, "--name", "kv", "--memory", "64M:128M", "--", "keepsake").wants(0)
	log := silo(t, env, "logs", "-f", "kv")
	log.await(&log.out, "at 3\n")
	at := 0
	countsOn := func() {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(log.out.String()), "\n")
		if _, err := fmt.Sscanf(lines[len(lines)-2], "at %d", &at); err != nil { // the last one may not be whole
			t.Fatal(lines[len(lines)-2], err)
		}
		log.await(&log.out, fmt.Sprintf("at %d\n", at+100))
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "live.core")
	for range 2 {
		p := silo(t, env, "core", "kv", "-o", path)
		if p.wants(0); p.out.String() != path+"\n" {
			t.Fatalf("printed %q", p.out.String())
		}
		coreHas(t, path, log.out.String())
		countsOn()
	}
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	smallfs.Mount(t, small, "1m")
	silo(t, env, "core", "kv", "-o", filepath.Join(small, "kv.core")).wants(125, "no space left on device: make room there, or give another file with -o")
	countsOn()
	for dir, want := range map[string]int{dir: 2, small: 0} {
		if left, err := os.ReadDir(dir); err != nil || len(left) != want {
			t.Errorf("in %s: %v, %v", dir, left, err)
		}
	}
	silo(t, env, "stop", "kv").wants(0)
	log.wants(0)
	if !strings.Contains(log.out.String(), "kept 20261129 true\n") {
		t.Errorf("it said at its end: %q", log.out.String())
	}
	silo(t, env, "core", "kv", "-o", path).wants(125, "guest kv does not run: only a program that runs has a core")
}
