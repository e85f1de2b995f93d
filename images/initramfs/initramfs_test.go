package initramfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/u-root/mkuimage/cpio"
	itest "github.com/u-root/mkuimage/uimage/initramfs/test"

	"github.com/silo-os/silo/images/initramfs"
)

// program writes a file that begins as a program does, with a mode, and returns its path.
func program(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("\x7fELF"+content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, c initramfs.Content) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := initramfs.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchiveHoldsAGuest(t *testing.T) {
	data := write(t, initramfs.Content{
		Init: program(t, "pid1", "the first", 0o600),
		App:  program(t, "kv", strings.Repeat("store", 5000), 0o444),
	})
	archive, err := cpio.ArchiveFromReader(cpio.Newc.Reader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []itest.ArchiveValidator{
		itest.HasRecord{R: cpio.CharDev("dev/console", 0o600, 5, 1)},
		itest.HasContent{Path: "init", Content: "\x7fELFthe first"},
		itest.HasContent{Path: "app/main", Content: "\x7fELF" + strings.Repeat("store", 5000)},
		itest.HasDir{Path: "proc"}, itest.HasDir{Path: "sys"}, itest.HasDir{Path: "dev"},
		itest.HasDir{Path: "tmp"}, itest.HasDir{Path: "run"}, itest.HasDir{Path: "etc"},
		itest.MissingFile{Path: "etc/resolv.conf"},
	} {
		if err := v.Validate(archive); err != nil {
			t.Error(err)
		}
	}
	if err := initramfs.Validate(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
}

// TestArchiveIsReproducible: other folders, other times and other modes, the same bytes.
func TestArchiveIsReproducible(t *testing.T) {
	first := write(t, initramfs.Content{Init: program(t, "a", "1", 0o755), App: program(t, "b", "2", 0o755)})
	second := write(t, initramfs.Content{Init: program(t, "c", "1", 0o700), App: program(t, "d", "2", 0o640)})
	if !bytes.Equal(first, second) {
		t.Error("the same programs gave two archives")
	}
}

// TestContentStartsAtPages: whatever the size of what is before it, and within the kernel's
// limit for names, beyond which it skips a record and all that follows.
func TestContentStartsAtPages(t *testing.T) {
	init := program(t, "init", "", 0o755)
	for size := 0; size < 4096; size += 4 { // records are padded to 4 bytes
		app := program(t, "app", strings.Repeat("x", 4096+size), 0o755)
		data := write(t, initramfs.Content{Init: init, App: app})
		if err := initramfs.Validate(bytes.NewReader(data)); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if len(r.Name)+1 > 4096 {
				t.Fatalf("size %d: %d bytes of name", size, len(r.Name)+1)
			}
		}
	}
}

// TestFiles: with their folders, in the order of the names, whatever the order given; and refused where nobody would see them.
func TestFiles(t *testing.T) {
	c := initramfs.Content{Init: program(t, "i", "", 0o755), App: program(t, "a", "", 0o755), Files: []initramfs.File{
		{Path: "usr/share/zones", Mode: 0o644, Data: bytes.Repeat([]byte("z"), 5000)},
		{Path: "etc/conf/app.yaml", Mode: 0o600, Source: program(t, "conf", "yes", 0o777)},
	}}
	data := write(t, c)
	if err := initramfs.Validate(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	archive, err := cpio.ArchiveFromReader(cpio.Newc.Reader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []itest.ArchiveValidator{
		itest.HasDir{Path: "usr"}, itest.HasDir{Path: "usr/share"}, itest.HasDir{Path: "etc/conf"},
		itest.HasContent{Path: "usr/share/zones", Content: strings.Repeat("z", 5000)},
		itest.HasContent{Path: "etc/conf/app.yaml", Content: "\x7fELFyes"},
	} {
		if err := v.Validate(archive); err != nil {
			t.Error(err)
		}
	}
	c.Files[0], c.Files[1] = c.Files[1], c.Files[0]
	if !bytes.Equal(data, write(t, c)) {
		t.Error("another order of the files gave another archive")
	}
	for path, want := range map[string]string{
		"/etc/x": "not a path from", "../x": "not a path from", "app/main": "programs", "proc/x": "mounted over", "dev/y": "mounted over",
	} {
		c.Files = []initramfs.File{{Path: path, Mode: 0o644}}
		if err := initramfs.Write(new(bytes.Buffer), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	c.Files = []initramfs.File{{Path: "etc/x", Mode: os.ModeSetuid | 0o755}}
	if err := initramfs.Write(new(bytes.Buffer), c); err == nil {
		t.Error("a setuid file was taken")
	}
}

func TestWriteNamesWhatItCannotRead(t *testing.T) {
	good := program(t, "good", "", 0o755)
	for name, c := range map[string]initramfs.Content{
		"add init to archive: open /absent":  {Init: "/absent", App: good},
		"add app/main to archive: open /abs": {Init: good, App: "/absent"},
		"is no regular file":                 {Init: good, App: t.TempDir()},
	} {
		if err := initramfs.Write(new(bytes.Buffer), c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	records := []cpio.Record{
		cpio.Directory(".", 0o700), // an application without capabilities could not enter
		cpio.Directory("app", 0o755),
		cpio.StaticFile("app/main", "#!/bin/sh", 0o755),
		cpio.Directory("dev", 0o755),
		cpio.CharDev("dev/console", 0o600, 5, 2),
		cpio.StaticFile("etc/passwd", "root", 0o644),
		cpio.Symlink("etc/link", "passwd"),
		cpio.StaticFile("init", strings.Repeat("\x7fELF", 1024), 0o4755),
		{Info: cpio.Info{Name: "run", Mode: cpio.S_IFDIR | 0o755, UID: 1000, MTime: 5}},
		cpio.Directory("proc", 0o555),
		cpio.StaticFile("tmp/x", "", 0o644),
	}
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	if err := cpio.WriteRecords(w, records); err != nil {
		t.Fatal(err)
	}
	if err := cpio.WriteTrailer(w); err != nil {
		t.Fatal(err)
	}
	err := initramfs.Validate(bytes.NewReader(b.Bytes()))
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		".: mode 040700", "app/main: no ELF program", "init: content at", "dev/console: device 5:2, want 5:1",
		"tmp/x: not a part of a guest: /tmp is mounted over", "etc/link: mode 0120777: neither", "init: mode 0104755", "run: belongs to 1000:0",
		"run: tells when", "proc: after run", "sys: missing", "tmp: missing", "etc: missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not found: %q in\n%v", want, err)
		}
	}
	if err := initramfs.Validate(bytes.NewReader([]byte("no archive"))); err == nil {
		t.Error("something that is no archive passed")
	}
}
