package volume

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

// ErrNoMkfs says that volumes cannot be made on this machine.
var ErrNoMkfs = errors.New("mkfs.ext4 is missing: install it with: apt-get install e2fsprogs")

// NameError says that a name cannot be a volume's.
type NameError struct{ Name string }

// Error implements error.
func (e *NameError) Error() string {
	return fmt.Sprintf("volume %q: not a name: use up to 63 letters, digits, dots, dashes and underscores, the first a letter or digit", e.Name)
}

// SizeError says that a volume cannot have the size that was asked for.
type SizeError struct {
	Name string
	Size int64  // bytes, asked for
	Has  int64  // bytes that it has already; 0 = it is not there yet
	Why  string // where Has is 0
}

// Error implements error.
func (e *SizeError) Error() string {
	if e.Has == 0 {
		return fmt.Sprintf("volume %s: %d bytes: %s", e.Name, e.Size, e.Why)
	}
	return fmt.Sprintf("volume %s: it has %s and cannot have %s: leave the size out, use another volume, or remove this one with all it holds: silo volume rm %s",
		e.Name, humanize.IBytes(uint64(e.Has)), humanize.IBytes(uint64(e.Size)), e.Name)
}

// BusyError says that a guest uses a volume.
type BusyError struct{ Name string }

// Error implements error.
func (e *BusyError) Error() string {
	return fmt.Sprintf("volume %s: a guest uses it, and a volume is for one at a time: end that guest first, or use another volume", e.Name)
}

// NotFoundError says that there is no such volume.
type NotFoundError struct{ Name string }

// Error implements error.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no volume %q: silo volume ls lists those there are", e.Name)
}
