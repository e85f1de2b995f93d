package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// freeSpace returns the bytes that a user may still write to the file system of dir, or of
// the nearest folder above it that exists.
func freeSpace(dir string) (int64, error) {
	for {
		var fs unix.Statfs_t
		err := unix.Statfs(dir, &fs)
		if err == nil {
			return int64(fs.Bavail) * fs.Bsize, nil
		}
		if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return 0, fmt.Errorf("ask for room in %s: %w", dir, err)
		}
		dir = filepath.Dir(dir)
	}
}

// requireSpace returns a *SpaceError if dir has less than need bytes of room.
func requireSpace(dir string, need int64) error {
	free, err := freeSpace(dir)
	if err == nil && free < need {
		return &SpaceError{Dir: dir, Free: free, Need: need}
	}
	return err
}

// explainSpace turns an error that a full file system caused into a *SpaceError, unless it
// is one already. Programs tell of a full file system in words only.
func explainSpace(err error, dir string) error {
	var known *SpaceError
	if err == nil || errors.As(err, &known) {
		return err
	}
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) &&
		!strings.Contains(strings.ToLower(err.Error()), "no space left on device") {
		return err
	}
	free, _ := freeSpace(dir)
	return &SpaceError{Dir: dir, Free: free, Err: err}
}
