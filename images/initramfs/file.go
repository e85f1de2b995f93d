package initramfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/u-root/mkuimage/cpio"
	"github.com/u-root/mkuimage/uimage/initramfs"
)

// File is something in the guest beside its programs.
type File struct {
	Path   string // in the guest, from the root and without a leading slash: etc/app.conf
	Mode   fs.FileMode
	Source string // the file's path on this machine; "" = Data is the content
	Data   []byte
}

// check returns an error unless the file has a place in a guest.
func (f File) check() error {
	if reason := refusePath(f.Path); reason != "" {
		return fmt.Errorf("add %s to archive: %s", f.Path, reason)
	}
	if f.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("add %s to archive: mode %v is more than permissions", f.Path, f.Mode)
	}
	return nil
}

// mounted are the folders over which PID 1 mounts: nobody would see a file there.
var mounted = []string{"dev", "proc", "sys", "tmp"}

// refusePath says why a path is not one of a guest's own files; "" = it is.
func refusePath(name string) string {
	top, _, _ := strings.Cut(name, "/")
	switch {
	case !fs.ValidPath(name) || name == ".":
		return "not a path from the guest's root"
	case name == InitPath || name == AppPath:
		return "one of the guest's programs"
	case slices.Contains(mounted, top):
		return "/" + top + " is mounted over when the guest starts"
	}
	return ""
}

// addFiles adds the files, and the folders they are in. What has a source must stay open until the archive is written.
func addFiles(to *initramfs.Files, list []File) (open []*os.File, err error) {
	made := map[string]bool{}
	for _, f := range folders {
		made[f.name] = true
	}
	for _, f := range list {
		if err := f.check(); err != nil {
			return open, err
		}
		if err := addFolders(to, path.Dir(f.Path), made); err != nil {
			return open, err
		}
		mode := cpio.S_IFREG | uint64(f.Mode.Perm())
		if f.Source == "" {
			err = to.AddRecord(cpio.Record{ReaderAt: bytes.NewReader(f.Data),
				Info: cpio.Info{Name: f.Path, Mode: mode, FileSize: uint64(len(f.Data))}})
		} else {
			var from *os.File
			if from, err = addFile(to, f.Path, f.Source, mode); err == nil {
				open = append(open, from)
			}
		}
		if err != nil {
			return open, fmt.Errorf("add %s to archive: %w", f.Path, err)
		}
	}
	return open, nil
}

// addFolders adds a folder and those it is in, unless they are there.
func addFolders(to *initramfs.Files, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := addFolders(to, path.Dir(dir), made); err != nil {
		return err
	}
	if err := to.AddRecord(cpio.Directory(dir, 0o755)); err != nil {
		return fmt.Errorf("add %s to archive: %w", dir, err)
	}
	return nil
}
