package disk

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/silo-os/silo/images"
)

// TestStubIsAssembled: the bytes that are put into kernels are those of the source.
func TestStubIsAssembled(t *testing.T) {
	dir := t.TempDir()
	object, binary := filepath.Join(dir, "stub.o"), filepath.Join(dir, "stub.bin")
	for _, line := range [][]string{
		{"as", "--32", "-o", object, "stub.S"},
		{"ld", "-m", "elf_i386", "-Ttext=0x100000", "--oformat=binary", "-o", binary, object},
	} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", line, err, out)
		}
	}
	if got, err := os.ReadFile(binary); err != nil || !bytes.Equal(got, stub) {
		t.Errorf("stub.bin is not what stub.S gives, %v: assemble it again as its head says", err)
	}
}

// fakeKernel has an ELF header, one part to load and a PVH note; then change.
func fakeKernel(change func(b []byte) []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 3*pageSize)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], uint16(elf.ET_EXEC))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint32(b[20:], 1)
	for at, v := range map[int]uint64{0x18: 0x1000000, 0x20: 64} {
		le.PutUint64(b[at:], v)
	}
	for at, v := range map[int]uint16{0x34: 64, 0x36: 56, 0x38: 2, 0x3a: 64} {
		le.PutUint16(b[at:], v)
	}
	for i, p := range [][]uint64{{uint64(elf.PT_LOAD) | 5<<32, pageSize, 0x1000000, 0x1000000, pageSize, pageSize, pageSize}, {uint64(elf.PT_NOTE), 2 * pageSize, 0, 0, 52, 52, 4}} {
		for j, v := range p {
			le.PutUint64(b[64+56*i+8*j:], v)
		}
	}
	notes := append(le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 4), 2), 1), "GNU\x00ab\x00\x00"...)
	notes = append(le.AppendUint32(le.AppendUint32(le.AppendUint32(notes, 4), 8), pvhNote), "Xen\x00\x50\x04\x00\x01\x00\x00\x00\x00"...)
	copy(b[2*pageSize:], notes)
	if change != nil {
		b = change(b)
	}
	return b
}

// TestBootablePage: what GRUB reads is an ELF file with the stub as one more part and as its entry, and a valid header.
func TestBootablePage(t *testing.T) {
	kernel := fakeKernel(nil)
	page, err := bootablePage(bytes.NewReader(kernel))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(append(page, kernel[pageSize:]...)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Entry != stubAddress || len(f.Progs) != 2 || len(f.Sections) != 0 || f.Progs[0].Paddr != 0x1000000 {
		t.Errorf("entry %#x, %d parts, %d sections", f.Entry, len(f.Progs), len(f.Sections))
	}
	got := make([]byte, len(stub))
	if _, err := f.Progs[1].ReadAt(got, 0); err != nil || f.Progs[1].Type != elf.PT_LOAD || f.Progs[1].Paddr != stubAddress {
		t.Errorf("%+v, %v", f.Progs[1].ProgHeader, err)
	}
	if jump := binary.LittleEndian.Uint32(got[entryAt:]); jump != 0x1000450 {
		t.Errorf("jumps to %#x", jump)
	}
	var sum uint32
	for i := range 4 {
		sum += binary.LittleEndian.Uint32(page[headerAt+4*i:])
	}
	if size := binary.LittleEndian.Uint32(page[headerAt+8:]); sum != 0 || int(size) != len(multibootHeader()) {
		t.Errorf("header sums to %#x over %d bytes", sum, size)
	}
}

func TestBootablePageRefuses(t *testing.T) {
	for want, change := range map[string]func([]byte) []byte{
		"bad magic number":              func([]byte) []byte { return []byte(strings.Repeat("x", pageSize)) },
		"it has no PVH entry point":     func(b []byte) []byte { b[2*pageSize+28] = 17; return b },
		"more than ELF's headers in it": func(b []byte) []byte { b[stubAt] = 1; return b },
	} {
		_, err := bootablePage(bytes.NewReader(fakeKernel(change)))
		var bad *KernelError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func FuzzReadNote(f *testing.F) {
	f.Add(fakeKernel(nil)[2*pageSize : 2*pageSize+52])
	f.Fuzz(func(t *testing.T, notes []byte) { readNote(notes) })
}

func TestGrubConfig(t *testing.T) {
	got, err := grubConfig([]string{"quiet", "a.b=c,d"})
	if want := "multiboot2 ($root)/vmlinux quiet a.b=c,d\nmodule2 ($root)/initramfs.cpio\nboot\n"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "two words", "$root", "a;reboot", "x\ny", `"`} {
		if _, err := grubConfig([]string{bad}); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// TestNetworkIsAWord of the kernel's command line, which GRUB's parser takes.
func TestNetworkIsAWord(t *testing.T) {
	cfg := Config{Network: &Network{
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.2.15/24"), netip.MustParsePrefix("fd00::5/64")},
		Gateways:  []netip.Addr{netip.MustParseAddr("10.0.2.2")}, DNS: []netip.Addr{netip.MustParseAddr("10.0.2.3")},
	}}
	const want = "silo.ip=10.0.2.15/24,ip=fd00::5/64,gw=10.0.2.2,dns=10.0.2.3"
	if words := cfg.words(); !slices.Contains(words, want) {
		t.Errorf("%q, want %s", words, want)
	}
	if text, err := grubConfig(cfg.words()); err != nil || !strings.Contains(text, " "+want+"\n") {
		t.Errorf("%q, %v", text, err)
	}
	for _, w := range (Config{}).words() {
		if strings.HasPrefix(w, NetworkWord) {
			t.Errorf("without a network: %s", w)
		}
	}
}

func fakeImage(t *testing.T, kernel []byte) *images.Image {
	t.Helper()
	img := &images.Image{Dir: t.TempDir()}
	img.Manifest.Kernel.Size = int64(len(kernel))
	archive := []byte("archive")
	sum := sha256.Sum256(archive)
	img.Manifest.Initramfs = images.DigestedFile{Digest: hex.EncodeToString(sum[:]), Size: int64(len(archive))}
	for path, data := range map[string][]byte{img.KernelPath(): kernel, img.InitramfsPath(): archive} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// TestWrite: the same image gives the same disk, with a partition that can be read, and the parts of GRUB in their place.
func TestWrite(t *testing.T) {
	kernel := fakeKernel(nil)
	dir := filepath.Join(t.TempDir(), "deep")
	var disks [2][]byte
	for i, name := range []string{"a.img", "b.img"} {
		path := filepath.Join(dir, name)
		if err := Write(t.Context(), fakeImage(t, kernel), path, Config{Words: []string{"debug"}}); err != nil {
			t.Fatal(err)
		}
		var err error
		if disks[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	d := disks[0]
	if !bytes.Equal(d, disks[1]) || len(d) != 2*mib {
		t.Fatalf("two disks of %d and %d bytes differ", len(d), len(disks[1]))
	}
	le := binary.LittleEndian
	if d[510] != 0x55 || d[511] != 0xaa || d[446] != 0x80 || le.Uint32(d[454:]) != 2048 || le.Uint32(d[458:]) != 2048 {
		t.Errorf("partition table % x", d[440:512])
	}
	if next := le.Uint64(d[0x5c:]); next != 1 { // where boot.img looks for core.img
		t.Errorf("boot.img goes on at sector %d", next)
	}
	if next := le.Uint64(d[sector+0x1f4:]); next != 2 { // and core.img for its rest
		t.Errorf("core.img goes on at sector %d", next)
	}
	r := tar.NewReader(bytes.NewReader(d[mib:]))
	page, err := bootablePage(bytes.NewReader(kernel))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		name string
		data []byte
	}{{"vmlinux", append(page, kernel[pageSize:]...)}, {"initramfs.cpio", []byte("archive")}} {
		h, err := r.Next()
		if err != nil || h.Name != want.name {
			t.Fatalf("%+v, %v; want %s", h, err, want.name)
		}
		if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, want.data) {
			t.Errorf("%s: %d bytes of others, %v", want.name, len(data), err)
		}
	}
}

// TestWriteLeavesNothing: a disk that cannot be made is not there.
func TestWriteLeavesNothing(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	img := fakeImage(t, []byte(strings.Repeat("no kernel ", 1000)))
	if err := Write(t.Context(), img, filepath.Join(dir, "x.img"), Config{}); err == nil {
		t.Error("a disk without a kernel")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, fakeImage(t, fakeKernel(nil)), filepath.Join(dir, "x.img"), Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	t.Setenv("PATH", "")
	if err := Write(t.Context(), fakeImage(t, fakeKernel(nil)), filepath.Join(dir, "x.img"), Config{}); !errors.Is(err, ErrNoGRUB) {
		t.Errorf("without grub-mkimage: %v", err)
	}
	for _, d := range []string{dir, tmp} {
		if entries, err := os.ReadDir(d); err != nil || len(entries) > 0 {
			t.Errorf("%v in %s, %v", entries, d, err)
		}
	}
}
