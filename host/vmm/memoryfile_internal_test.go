package vmm

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestHugeFile: who touches a byte of it gets 2 MiB, what is given back is gone, it is found as memory, and it is mounted nowhere.
func TestHugeFile(t *testing.T) {
	const size, hugePage = 16 << 20, 2 << 20
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	f, err := hugeFile(size)
	if errors.Is(err, unix.EPERM) {
		t.Skip("who may not mount has none:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after, err := os.ReadFile("/proc/self/mountinfo"); err != nil || string(after) != string(before) {
		t.Errorf("mounts were\n%s\nand are\n%s\n%v", before, after, err)
	}
	files, err := memoryFiles(os.Getpid())
	if err != nil || len(files) != 1 {
		t.Fatalf("found as memory: %q, %v", files, err)
	}
	touch(t, f, size+hugePage)
	if n, err := allocated(files); err != nil || n != hugePage {
		t.Errorf("one byte was touched: %d bytes exist, %v", n, err)
	}
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, hugePage); err != nil {
		t.Fatal(err)
	}
	if n, err := allocated(files); err != nil || n != 0 {
		t.Errorf("it was given back: %d bytes exist, %v", n, err)
	}
	if again, err := openMemoryFile(files[0]); err != nil {
		t.Error("as a file of memory:", err)
	} else {
		again.Close()
	}
}

// touch writes the file's first byte, where it is mapped as QEMU maps it: aligned to a huge page, for which there is room.
func touch(t *testing.T, f *os.File, room int) {
	t.Helper()
	m, err := unix.Mmap(-1, 0, room, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	}()
	const hugePage = 2 << 20
	at := unsafe.Add(unsafe.Pointer(&m[0]), -uintptr(unsafe.Pointer(&m[0]))%hugePage)
	p, err := unix.MmapPtr(int(f.Fd()), 0, at, hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		t.Fatal(err)
	}
	*(*byte)(p) = 1
}

// TestHugeMemory: what is plugged is in huge pages; what is there at boot only if it is all there is, and not little.
func TestHugeMemory(t *testing.T) {
	probe, err := hugeFile(1 << 20)
	mayMount := !errors.Is(err, unix.EPERM)
	if err == nil {
		probe.Close()
	}
	for name, c := range map[string]struct {
		boot, most int64
		memory     int // the descriptor of a restored guest's
		want       bool
	}{
		"elastic":            {64 << 20, 512 << 20, 0, true},
		"elastic, restored":  {64 << 20, 512 << 20, 7, true},
		"constant":           {512 << 20, 512 << 20, 0, true},
		"constant, restored": {512 << 20, 512 << 20, 7, false},
		"constant, small":    {64 << 20, 64 << 20, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := Config{BootMemory: c.boot, MaxMemory: c.most}.hugeMemory(Wiring{Memory: c.memory})
			if !mayMount && f == nil {
				t.Skip("who may not mount has none")
			}
			if (f != nil) != c.want {
				t.Fatalf("a file: %t, want %t", f != nil, c.want)
			}
			if f != nil {
				f.Close()
			}
		})
	}
}

// TestMemoryInHugePages is what QEMU is told of it.
func TestMemoryInHugePages(t *testing.T) {
	for name, c := range map[string]struct {
		most int64
		want string
	}{
		"elastic":  {512 << 20, "memory-backend-file,mem-path=/proc/self/fd/6,id=elastic-ram,align=2M,share=on,"},
		"constant": {256 << 20, "memory-backend-file,mem-path=/proc/self/fd/6,id=boot,align=2M,share=on,"},
	} {
		args := strings.Join(Config{BootMemory: 256 << 20, MaxMemory: c.most, VCPUs: 1}.Args(Wiring{Huge: 6}), "\n")
		if !strings.Contains(args, c.want) {
			t.Errorf("%s: %s\nlacks %s", name, args, c.want)
		}
	}
}
