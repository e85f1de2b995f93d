package template

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

const memory = 8 << 20

// guestMemory is a file as QEMU has one: a few pages with something in them, some with zeros, most are holes.
func guestMemory(t interface{ Fatal(...any) }, pages map[int64]byte) *os.File {
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "guest")
	if err := f.Truncate(memory); err != nil {
		t.Fatal(err)
	}
	for at, fill := range pages {
		b := make([]byte, page)
		for i := range b {
			b[i] = fill
		}
		if _, err := f.WriteAt(b, at*page); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

var somePages = map[int64]byte{0: 1, 1: 0, 2: 3, 63: 4, 64: 5, 1000: 6, memory/page - 1: 7}

// publish makes a template as a machine does.
func publish(t *testing.T, s Store, id Identity) error {
	t.Helper()
	d, err := s.Draft(id, memory)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := d.Stream()
	if err == nil {
		_, err = stream.WriteString("devices") // as QEMU does, from the position on
	}
	if err != nil {
		t.Fatal(err)
	}
	guest := guestMemory(t, somePages)
	defer guest.Close()
	if err := d.TakeMemory(guest); err != nil {
		t.Fatal(err)
	}
	return d.Publish([]byte("hello"))
}

func names(t *testing.T, s Store) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestRoundTrip(t *testing.T) {
	s, id := Store{Dir: filepath.Join(t.TempDir(), "a", "b")}, Identity{"qemu 1", "kernel 2"}
	if _, err := s.Open(id); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open without one: %v", err)
	}
	for range 2 { // the first one stays
		if err := publish(t, s, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, s); len(got) != 1 {
		t.Fatalf("files %q", got)
	}
	info, err := os.Stat(s.path(id))
	if err != nil || info.Mode() != 0o600 || onDisk(info) > 256<<10 {
		t.Errorf("mode %v, %d bytes on disk, %v", info.Mode(), onDisk(info), err)
	}
	tpl, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer tpl.Close()
	if string(tpl.Said) != "hello" || tpl.Memory != memory {
		t.Errorf("header %+v", tpl.Header)
	}
	stream, err := tpl.Stream()
	if err != nil {
		t.Fatal(err)
	}
	restored := guestMemory(t, nil)
	defer restored.Close()
	if err := tpl.Fill(restored); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(stream); string(b) != "devices" || err != nil {
		t.Errorf("devices %q, %v", b, err)
	}
	want := guestMemory(t, somePages)
	defer want.Close()
	same(t, want, restored)
	if info, err := restored.Stat(); err != nil || onDisk(info) != 6*page {
		t.Errorf("%d bytes exist, %v; want the six pages that hold something", onDisk(info), err)
	}
}

// same compares two memories byte for byte.
func same(t interface{ Fatal(...any) }, a, b *os.File) {
	var content [2][]byte
	for i, f := range []*os.File{a, b} {
		content[i] = make([]byte, memory)
		if _, err := f.ReadAt(content[i], 0); err != nil {
			t.Fatal(err)
		}
	}
	if string(content[0]) != string(content[1]) {
		t.Fatal("the memories differ")
	}
}

// TestCopyPages: whatever pages there are, the copy is equal, and so is the checksum of the copy's copy.
func TestCopyPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := rapid.MapOf(rapid.Int64Range(0, memory/page-1), rapid.Byte()).Draw(t, "pages")
		a, b, c := guestMemory(t, pages), guestMemory(t, nil), guestMemory(t, nil)
		for _, f := range []*os.File{a, b, c} {
			defer f.Close()
		}
		first, err := copyPages(b, 0, a, 0, memory)
		if err != nil {
			t.Fatal(err)
		}
		second, err := copyPages(c, 0, b, 0, memory)
		if err != nil || first != second {
			t.Fatalf("checksums %x and %x, %v", first, second, err)
		}
		same(t, a, b)
		same(t, a, c)
	})
}

func TestDamaged(t *testing.T) {
	at := func(off int64) func(*os.File) error {
		return func(f *os.File) error { _, err := f.WriteAt([]byte{0xa5}, off); return err }
	}
	for name, damage := range map[string]func(*os.File) error{
		"magic": at(0), "length": at(11), "header": at(40),
		"memory": at(headerSize + 2*page + 5), "a page that was a hole": at(headerSize + 500*page), "devices": at(streamAt(memory) + 1),
		"cut off": func(f *os.File) error { return f.Truncate(streamAt(memory) + 3) },
		"emptied": func(f *os.File) error { return f.Truncate(0) },
		"longer":  at(streamAt(memory) + 100),
	} {
		t.Run(name, func(t *testing.T) {
			s, id := Store{Dir: t.TempDir()}, Identity{"x"}
			if err := publish(t, s, id); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(s.path(id), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := damage(f); err != nil {
				t.Fatal(err)
			}
			tpl, err := s.Open(id)
			if err == nil {
				defer tpl.Close()
				memory := guestMemory(t, nil)
				defer memory.Close()
				err = tpl.Fill(memory)
			}
			var damaged *DamagedError
			if !errors.As(err, &damaged) {
				t.Errorf("found to be %v", err)
			}
			if err := s.Remove(id); err != nil {
				t.Error(err)
			}
			if got := names(t, s); len(got) != 0 {
				t.Errorf("left %q", got)
			}
		})
	}
}

// TestOfAnother: a file under a name that is not its own is not used.
func TestOfAnother(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if err := publish(t, s, Identity{"a"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path(Identity{"a"}), s.path(Identity{"b"})); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := s.Open(Identity{"b"}); !errors.As(err, &damaged) {
		t.Errorf("open: %v", err)
	}
}

// TestOldestGo: what was used longest ago makes room, and what cannot fit is not kept.
func TestOldestGo(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	ids := []Identity{{"a"}, {"b"}, {"c"}}
	for i, id := range ids {
		if err := publish(t, s, id); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(s.path(id), then, then); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(s.path(ids[0]))
	if err != nil {
		t.Fatal(err)
	}
	used, err := s.Open(ids[0]) // now it is the one used last
	if err != nil {
		t.Fatal(err)
	}
	used.Close()
	s.Limit = 3 * onDisk(info)
	if err := publish(t, s, Identity{"d"}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		tpl, err := s.Open(Identity{id})
		if (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
		if err == nil {
			tpl.Close()
		}
	}
	s.Limit = onDisk(info) / 2
	if err := publish(t, s, Identity{"e"}); err == nil {
		t.Error("a template larger than all may be was kept")
	}
	if got := names(t, s); len(got) != 3 {
		t.Errorf("files %q", got)
	}
}

// TestDraftLeavesNothing: a draft that is not published has no name.
func TestDraftLeavesNothing(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	d, err := s.Draft(Identity{"x"}, memory)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Publish(nil); err == nil {
		t.Error("published without QEMU's stream")
	}
	if d, err = s.Draft(Identity{"x"}, memory); err != nil {
		t.Fatal(err)
	}
	stream, err := d.Stream()
	if err == nil {
		_, err = stream.WriteString("devices")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Publish(make([]byte, headerSize)); err == nil {
		t.Error("published with more words than fit")
	}
	if got := names(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestKeysDiffer(t *testing.T) {
	keys := map[string]Identity{}
	for _, id := range []Identity{{}, {"a"}, {"a", "b"}, {"ab"}, {"b", "a"}, {"a", "b", ""}} {
		if other, ok := keys[id.Key()]; ok {
			t.Errorf("%q and %q have the same key", id, other)
		}
		keys[id.Key()] = id
	}
}

func FuzzDecodeHeader(f *testing.F) {
	good, err := Header{Identity: Identity{"x"}, Said: []byte("hello"), Memory: memory, Stream: 7}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, streamAt(memory)+7)
	f.Add([]byte(magic), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		h, err := decodeHeader(b, size)
		if err == nil && (h.Memory < 0 || h.Stream <= 0 || streamAt(h.Memory)+h.Stream != size) {
			t.Errorf("accepted %+v in %d bytes", h, size)
		}
	})
}
