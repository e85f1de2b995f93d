package volume

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// create makes a volume. It returns an error that is fs.ErrExist if somebody else did. The store is locked for moments only, not
// while the file system is made: others make theirs meanwhile.
func (s Store) create(ctx context.Context, name string, size int64) error {
	mkfs, err := findMkfs()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	draft, err := s.begin(ctx, name)
	if err != nil {
		return err
	}
	defer draft.Close()
	defer os.Remove(draft.Name())
	if err := format(ctx, mkfs, draft.Name(), cmp.Or(size, DefaultSize)); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := draft.Close(); err != nil { // a volume is nobody's at first
		return err
	}
	// Not by renaming: that would replace what has the name already.
	if err := os.Link(draft.Name(), s.path(name)); err != nil {
		return err
	}
	return syncFile(s.Dir)
}

// begin makes an empty file for a volume, whose lock says that it is being made until it is closed.
func (s Store) begin(ctx context.Context, name string) (*os.File, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.sweep(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.path(name)); err == nil {
		return nil, fs.ErrExist
	}
	f, err := os.CreateTemp(s.Dir, unmade+name+"-")
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// sweep removes what a killed process had begun. The caller has the store's lock.
func (s Store) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.Dir, unmade+"*"))
	for _, path := range left {
		err = errors.Join(err, sweepOne(path))
	}
	return err
}

// sweepOne removes a file unless somebody is making a volume of it.
func sweepOne(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // its maker has given up
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// format makes an empty file a disk of a size with a file system on it, and has both reach the host's disk.
func format(ctx context.Context, mkfs, path string, size int64) error {
	if err := os.Truncate(path, size); err != nil {
		return err
	}
	// A new file reads as zeros: nothing needs to be written for that, neither now nor by the guest's kernel later.
	// No blocks are kept for root: they are for systems that root must be able to log in to.
	cmd := exec.CommandContext(ctx, mkfs, "-q", "-F", "-b", "4096", "-I", "256", "-i", "16384", "-m", "0",
		"-O", features, "-E", "lazy_itable_init=0,lazy_journal_init=1,root_owner=0:0", path)
	cmd.Env = []string{"LC_ALL=C", "MKE2FS_CONFIG=/dev/null"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", mkfsName, err, bytes.ReplaceAll(bytes.TrimSpace(out), []byte("\n"), []byte("; ")))
	}
	return syncFile(path)
}

// features are those of ext4 as Linux 6.1 knows it, the same on every machine, whatever its mke2fs.conf says.
const features = "has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file," +
	"huge_file,dir_nlink,extra_isize,metadata_csum"

// sbin is where Debian has mkfs.ext4; the PATH of users leaves it out.
var sbin = []string{"/usr/sbin", "/sbin"}

const mkfsName = "mkfs.ext4"

func findMkfs() (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), sbin...) {
		if path := filepath.Join(dir, mkfsName); filepath.IsAbs(path) && executable(path) {
			return path, nil
		}
	}
	return "", ErrNoMkfs
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// syncFile has what a file or folder holds reach the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
