package volume

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// create makes a volume. It returns an error that is fs.ErrExist if somebody else did.
func (s Store) create(ctx context.Context, name string, size int64) error {
	mkfs, err := findMkfs()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.sweep(); err != nil {
		return err
	}
	draft := filepath.Join(s.Dir, unmade+name)
	defer os.Remove(draft)
	if err := format(ctx, mkfs, draft, cmp.Or(size, DefaultSize)); err != nil {
		return err
	}
	// Not by renaming: that would replace what has the name already.
	if err := os.Link(draft, s.path(name)); err != nil {
		return err
	}
	return syncFile(s.Dir)
}

// sweep removes what a killed process had begun. The caller has the store's lock.
func (s Store) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.Dir, unmade+"*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// format makes an empty disk of a size with a file system on it, and has both reach the host's disk.
func format(ctx context.Context, mkfs, path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err := errors.Join(err, f.Close()); err != nil {
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
