package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// Sizes of a volume, bytes.
const (
	DefaultSize = 8 << 30 // sparse: what is not written takes no room
	LeastSize   = 16 << 20
	MostSize    = 16 << 40 // of ext4 with blocks of 4 KiB and no more than 32 bits for their numbers
	sizeUnit    = 4096
)

const (
	suffix   = ".img"
	unmade   = ".making-" // begins the name of a file that is no volume yet
	lockName = ".lock"
)

// Store is the folder that volumes are in. It is made when the first volume is.
type Store struct {
	Dir string // absolute
}

// Volume is how a volume stands.
type Volume struct {
	Name    string
	Size    int64     // bytes that it can hold, its file system included
	Used    int64     // bytes that it takes of the host's disk
	Busy    bool      // a guest uses it
	Written time.Time // when something last was
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckName returns a *NameError for what cannot be a volume's name.
func CheckName(name string) error {
	if !goodName.MatchString(name) {
		return &NameError{name}
	}
	return nil
}

// CheckSize returns a *SizeError for a size that no volume can have; 0 = the default.
func CheckSize(name string, size int64) error {
	switch {
	case size == 0:
		return nil
	case size < LeastSize || size > MostSize:
		return &SizeError{Name: name, Size: size, Why: "use 16M to 16T"}
	case size%sizeUnit != 0:
		return &SizeError{Name: name, Size: size, Why: "use a multiple of 4096 bytes"}
	}
	return nil
}

func (s Store) path(name string) string { return filepath.Join(s.Dir, name+suffix) }

// Use returns the path of a volume's file, which it makes where there is none; a size of 0 is the one it has, or
// DefaultSize. Errors: *NameError, *SizeError, and ones that wrap ErrNoMkfs.
func (s Store) Use(ctx context.Context, name string, size int64) (string, error) {
	if err := errors.Join(CheckName(name), CheckSize(name, size)); err != nil {
		return "", err
	}
	path := s.path(name)
	for range 2 {
		info, err := os.Stat(path)
		switch {
		case err == nil && size != 0 && info.Size() != size:
			return "", &SizeError{Name: name, Size: size, Has: info.Size()}
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("open volume %s: %w", name, err)
		}
		if err := s.create(ctx, name, size); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make volume %s: %w", name, err)
		}
	}
	return "", fmt.Errorf("open volume %s: it is removed while it is made", name)
}

// List lists the volumes by name.
func (s Store) List() ([]Volume, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var all []Volume
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || CheckName(name) != nil || !e.Type().IsRegular() {
			continue
		}
		v, err := s.look(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed in the meantime
		}
		if err != nil {
			return nil, fmt.Errorf("list volumes: %w", err)
		}
		all = append(all, v)
	}
	return all, nil
}

func (s Store) look(name string) (Volume, error) {
	f, err := os.Open(s.path(name))
	if err != nil {
		return Volume{}, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Volume{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	// Shared, so that two that look do not take each other for a guest.
	busy := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
	return Volume{Name: name, Size: st.Size, Used: st.Blocks * 512, Busy: busy, Written: time.Unix(st.Mtim.Unix())}, nil
}

// Remove removes a volume with all it holds. Errors: *NameError, *NotFoundError, *BusyError.
func (s Store) Remove(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if errors.Is(err, fs.ErrNotExist) { // nor is the store
		return &NotFoundError{name}
	}
	if err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	defer unlock()
	// Behind the lock, so that what is looked at is what has the name when it is removed.
	f, err := os.OpenFile(s.path(name), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &NotFoundError{name}
	}
	if err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return &BusyError{name}
	}
	if err := os.Remove(s.path(name)); err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	return nil
}

const lockPatience = 50 * time.Millisecond

// lock takes the store for changes of what is in it.
func (s Store) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(filepath.Join(s.Dir, lockName), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, lockPatience); err != nil {
		return nil, fmt.Errorf("lock %s: %w", s.Dir, err)
	}
	return func() { _ = l.Close() }, nil // it has nothing to write
}
