package initramfs

import (
	"fmt"
	"io"
	"os"

	"github.com/u-root/mkuimage/cpio"
	"github.com/u-root/mkuimage/uimage/initramfs"
)

// Paths in the guest.
const (
	InitPath = "init"     // PID 1
	AppPath  = "app/main" // the application
)

// folder is an empty folder of the guest.
type folder struct {
	name string
	mode uint64
}

// rootMode lets an application without root's capabilities into the root.
const rootMode = 0o755

// folders are the root and what PID 1 mounts on or writes to.
// The empty ones of programs are there because programs look into them.
var folders = []folder{
	{".", rootMode}, {"app", 0o755}, {"bin", 0o755}, {"dev", 0o755}, {"etc", 0o755}, {"proc", 0o555}, {"run", 0o755},
	{"sys", 0o555}, {"tmp", 0o1777}, {"usr", 0o755}, {"usr/bin", 0o755},
}

// Content says which programs go into an archive, by their paths on this machine.
type Content struct {
	Init  string // PID 1
	App   string // the application
	Files []File // beside them; no path twice
}

// Write writes the archive of a guest.
func Write(w io.Writer, c Content) error {
	files := initramfs.NewFiles()
	for _, f := range folders {
		if err := files.AddRecord(cpio.Directory(f.name, f.mode)); err != nil {
			return fmt.Errorf("add %s to archive: %w", f.name, err)
		}
	}
	if err := files.AddRecord(cpio.CharDev("dev/console", 0o600, 5, 1)); err != nil {
		return fmt.Errorf("add dev/console to archive: %w", err)
	}
	for name, path := range map[string]string{InitPath: c.Init, AppPath: c.App} {
		f, err := addFile(files, name, path, cpio.S_IFREG|0o755)
		if err != nil {
			return fmt.Errorf("add %s to archive: %w", name, err)
		}
		defer f.Close()
	}
	open, err := addFiles(files, c.Files)
	defer closeAll(open)
	if err != nil {
		return err
	}
	out := newAlignedWriter(w)
	if err := files.WriteTo(out); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := out.Finish(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// addFile adds the file at path; its mode on this machine does not matter. The file must stay open until the archive
// is written.
func addFile(files *initramfs.Files, name, path string, mode uint64) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err == nil {
		err = files.AddRecord(cpio.Record{
			ReaderAt: f,
			Info:     cpio.Info{Name: name, Mode: mode, FileSize: uint64(info.Size())},
		})
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
