package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// scratch is a folder for the files of one build. It is locked as long as its process
// lives: a folder without a lock was left by a process that was killed, and the next build
// removes it.
type scratch struct {
	Dir  string
	lock *os.File // the folder itself
}

// newScratch removes what killed processes left in the cache's scratch folder and makes a
// folder there. Folders are made and swept under one lock, or a sweep might take a folder
// between its making and its locking.
func newScratch(cache, name string) (*scratch, error) {
	root := scratchDir(cache)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	guard := flock.New(filepath.Join(root, ".lock"))
	if err := guard.Lock(); err != nil {
		return nil, fmt.Errorf("lock scratch folder: %w", err)
	}
	defer guard.Close()

	sweepScratch(root)
	dir, err := os.MkdirTemp(root, name+"-")
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("lock scratch folder: %w", err)
	}
	return &scratch{Dir: dir, lock: lock}, nil
}

// Remove removes the folder with all it holds.
func (s *scratch) Remove() error {
	err := os.RemoveAll(s.Dir)
	return errors.Join(err, s.lock.Close())
}

// Keep leaves the folder for a person to look at until the next build sweeps it.
func (s *scratch) Keep() { s.lock.Close() }

// sweepScratch removes the folders that nobody holds. What cannot be removed now, such as
// one into which an orphaned compiler still writes, is left for the next time.
func sweepScratch(root string) {
	dirs, _ := os.ReadDir(root)
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		path := filepath.Join(root, d.Name())
		lock, err := lockDir(path)
		if err != nil {
			continue
		}
		os.RemoveAll(path)
		lock.Close()
	}
}

// lockDir locks a folder until the file returned is closed or its process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
