package images

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/silo-os/silo/images/initramfs"
)

// File puts a file or a folder of this machine into an image.
type File struct {
	Path   string // in the guest, absolute
	Source string // on this machine; a folder is taken with all that is in it
}

// files are all that is in an image beside the programs. What the user puts in place of silo's own counts.
func (c Config) files(ctx context.Context, own goTool) ([]initramfs.File, error) {
	trusted, err := roots()
	if err != nil {
		return nil, err
	}
	times, err := zones(ctx, own)
	if err != nil {
		return nil, err
	}
	list := fileList{at: map[string]int{}}
	list.add(trusted)
	list.add(times)
	list.add(services())
	for _, f := range c.Files {
		if err := list.take(f, c.Dir); err != nil {
			return nil, err
		}
	}
	return list.files, nil
}

// fileList is a list of files in which a later one takes the place of one with the same path.
type fileList struct {
	files []initramfs.File
	at    map[string]int
}

func (l *fileList) add(f initramfs.File) {
	if i, ok := l.at[f.Path]; ok {
		l.files[i] = f
		return
	}
	l.at[f.Path] = len(l.files)
	l.files = append(l.files, f)
}

// take adds a file or a folder of this machine. Permissions are taken over as far as the owner's: in a guest there is
// nobody else.
func (l *fileList) take(f File, dir string) error {
	to := strings.TrimPrefix(path.Clean(f.Path), "/")
	if !path.IsAbs(f.Path) || to == "" {
		return fmt.Errorf("add %s to image: %q is not an absolute path of a file in the guest", f.Source, f.Path)
	}
	from := f.Source
	if !filepath.IsAbs(from) {
		from = filepath.Join(dir, from)
	}
	return filepath.WalkDir(from, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("add %s to image: %w", f.Source, err)
		}
		info, err := os.Stat(name) // what a link leads to
		switch {
		case err != nil:
			return fmt.Errorf("add %s to image: %w", f.Source, err)
		case info.IsDir():
			return nil
		case !info.Mode().IsRegular():
			return fmt.Errorf("add %s to image: %s is neither a file nor a folder", f.Source, name)
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return fmt.Errorf("add %s to image: %w", f.Source, err)
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		l.add(initramfs.File{Path: path.Join(to, filepath.ToSlash(below)), Mode: mode, Source: name})
		return nil
	})
}
