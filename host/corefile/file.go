package corefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Path is the file for the core of a guest.
func Path(dir, guest string) string {
	name := strings.Map(func(r rune) rune {
		if r == filepath.Separator || r == 0 {
			return '_'
		}
		return r
	}, guest)
	return filepath.Join(dir, name+".core")
}

// Check makes the folder where there is none, and returns an error unless a core can be written into it.
func Check(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder for cores: %w", err)
	}
	f, err := Create(Path(dir, "check"), OtherFolder)
	if err != nil {
		return err
	}
	f.Abort("")
	return nil
}

// OtherFolder is what to give instead of a folder that is no good.
const OtherFolder = "another folder with --core"

// File is a core in the making.
type File struct {
	path   string
	other  string   // what to give instead of path
	file   *os.File // nil = finished or gone
	hidden string   // its name until it is finished; "" = it has none
}

// Create begins a file, in the folder of path. Errors say that other is to be given where path is no good: "another file with -o".
func Create(path, other string) (*File, error) {
	dir := filepath.Dir(path)
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err == nil {
		return &File{path: path, other: other, file: f}, nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, explain(path, other, err)
	}
	// A file system without such files.
	f, err = os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, explain(path, other, err)
	}
	return &File{path: path, other: other, file: f, hidden: f.Name()}, nil
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(b []byte, at int64) (int, error) {
	if f.file == nil {
		return 0, os.ErrClosed
	}
	n, err := f.file.WriteAt(b, at)
	if err != nil {
		err = explain(f.path, f.other, err)
	}
	return n, err
}

// Finish makes the file so many bytes long and gives it its name. Where that fails nothing is left.
func (f *File) Finish(size int64) error {
	if f.file == nil {
		return os.ErrClosed
	}
	err := f.file.Truncate(size)
	if err == nil && f.hidden == "" {
		err = f.hide()
	}
	err = errors.Join(err, f.file.Close()) // where some file systems tell that they are full
	f.file = nil
	if err == nil {
		err = os.Rename(f.hidden, f.path)
	}
	if err != nil {
		f.remove()
		return explain(f.path, f.other, err)
	}
	return nil
}

// Abort leaves nothing of a file that is not finished.
func (f *File) Abort(string) {
	if f.file == nil {
		return
	}
	f.file.Close()
	f.file = nil
	f.remove()
}

// hide gives a file without a name one that can be renamed: a link replaces nothing.
func (f *File) hide() error {
	dir, base := filepath.Split(f.path)
	for n := range 100 {
		name := fmt.Sprintf("%s.%s-%d-%d", dir, base, os.Getpid(), n)
		err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.file.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			f.hidden = name
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fs.ErrExist
}

func (f *File) remove() {
	if f.hidden != "" {
		_ = os.Remove(f.hidden)
	}
}

// explain says what a person can do about a core that cannot be written.
func explain(path, other string, err error) error {
	fix := "give " + other
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		fix = "make room there, or " + fix
	case errors.Is(err, syscall.EFBIG):
		fix += ", on a file system with larger files"
	case errors.Is(err, fs.ErrPermission):
		fix = "make its folder writable, or " + fix
	}
	var nested *fs.PathError
	if errors.As(err, &nested) {
		err = nested.Err
	}
	return fmt.Errorf("write core %s: %w: %s", path, err, fix)
}

var _ io.WriterAt = (*File)(nil)
