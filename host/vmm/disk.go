package vmm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is a file of the host's that the guest sees as a virtio disk: raw, its size a multiple of 512 bytes. It is one
// machine's at a time.
//
// A write that the guest has had acknowledged after a flush is on the host's disk; one without is in the host's
// page cache, which outlives QEMU.
type Disk struct {
	Path     string // absolute
	ReadOnly bool
}

// Share is a folder of the host's that the guest sees by 9P, with the rights of the user that QEMU runs as.
type Share struct {
	Dir      string // absolute
	ReadOnly bool

	// Mapped keeps owners, modes and kinds of what the guest makes in attributes of plain files that are QEMU's user's own.
	// Where that is root, a guest could otherwise leave devices and programs that run as root on its host.
	Mapped bool
}

func (s Share) securityModel() string {
	if s.Mapped {
		return "mapped-xattr"
	}
	return "none"
}

// mostDisks is what finds room on the machine's one bus, disks and shares together.
const mostDisks = 16

// DiskSerial is the serial number by which the guest finds Config.Disks[i].
func DiskSerial(i int) string { return "silo" + strconv.Itoa(i) }

// ShareTag is the tag by which the guest finds Config.Shares[i].
func ShareTag(i int) string { return "share" + strconv.Itoa(i) }

// DiskBusyError says that another machine has a disk.
type DiskBusyError struct{ Path string }

// Error implements error.
func (e *DiskBusyError) Error() string {
	return fmt.Sprintf("open disk %s: another guest has it: end that one first, or use another disk", e.Path)
}

// openDisk opens a disk for QEMU to inherit and takes it for that machine. The lock is the open file's: it is there as long
// as QEMU is, whoever started that, and gone when QEMU is, however it ends.
func openDisk(d Disk) (*os.File, error) {
	mode := os.O_RDWR
	if d.ReadOnly {
		mode = os.O_RDONLY
	}
	f, err := os.OpenFile(d.Path, mode, 0)
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}
	if err := takeDisk(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func takeDisk(f *os.File) error {
	var st unix.Stat_t
	err := lockDisk(f)
	if err == nil {
		err = unix.Fstat(int(f.Fd()), &st)
	}
	switch {
	case errors.As(err, new(*DiskBusyError)):
		return err
	case err != nil:
		return fmt.Errorf("lock disk %s: %w", f.Name(), err)
	case st.Nlink == 0: // between the opening and the lock
		return fmt.Errorf("open disk %s: it was removed: %w", f.Name(), os.ErrNotExist)
	case st.Mode&unix.S_IFMT == unix.S_IFREG && (st.Size == 0 || st.Size%512 != 0):
		return fmt.Errorf("open disk %s: a disk has a multiple of 512 bytes, this has %d", f.Name(), st.Size)
	}
	return nil
}

// Who lists volumes looks whether a disk is taken by a shared lock, which is let go of at once.
const (
	lookMost  = 50
	lookPause = time.Millisecond
)

// lockDisk takes a disk's lock, of which at most those who only look are no reason to refuse.
func lockDisk(f *os.File) error {
	for range lookMost {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
			break
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
			return err
		}
		time.Sleep(lookPause)
	}
	return &DiskBusyError{f.Name()}
}

// firstDiskSet is the number of the first disk's descriptor set; 1 is the console's.
const firstDiskSet = 2

// disks are the volumes. No error stops the guest, as QEMU would have it by default when the host has no room:
// nobody would be there to let it go on. The guest is told, and its application.
func (a *arguments) disks(c Config, w Wiring) {
	for i, d := range c.Disks {
		path := escape(d.Path)
		if i < len(w.Disks) {
			set := firstDiskSet + i
			a.add("-add-fd", fmt.Sprintf("fd=%d,set=%d", w.Disks[i], set))
			path = fmt.Sprint("/dev/fdset/", set)
		}
		node := "disk" + strconv.Itoa(i)
		a.add("-blockdev", fmt.Sprintf("driver=raw,node-name=%s,read-only=%s,discard=unmap,cache.direct=off,cache.no-flush=off,"+
			"file.driver=file,file.filename=%s", node, onOff(d.ReadOnly), path))
		a.device(fmt.Sprintf("virtio-blk-pci,drive=%s,serial=%s,num-queues=1,werror=report,rerror=report", node, DiskSerial(i)))
	}
	for i, s := range c.Shares {
		id := "fs" + strconv.Itoa(i)
		a.add("-fsdev", fmt.Sprintf("local,id=%s,security_model=%s,multidevs=remap,readonly=%s,path=%s", id, s.securityModel(), onOff(s.ReadOnly), escape(s.Dir)))
		a.device(fmt.Sprintf("virtio-9p-pci,fsdev=%s,mount_tag=%s", id, ShareTag(i)))
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (v *validation) disks(c Config) {
	if n := len(c.Disks) + len(c.Shares); n > mostDisks {
		v.add("Disks", fmt.Sprintf("use at most %d", mostDisks), "%d disks and shares", n)
	}
	seen := make(map[string]bool)
	for i, d := range c.Disks {
		field := fmt.Sprintf("Disks[%d].Path", i)
		v.absolute(field, d.Path)
		if seen[d.Path] {
			v.add(field, "leave one of the two out", "%q is there twice", d.Path)
		}
		seen[d.Path] = true
	}
	for i, s := range c.Shares {
		v.absolute(fmt.Sprintf("Shares[%d].Dir", i), s.Dir)
	}
	if len(c.Shares) > 0 && c.RunAs != nil {
		v.add("Shares", "use a disk, or a node that runs as the folder's owner", "QEMU runs as a user who has no right to folders of the host")
	}
}

func (v *validation) absolute(field, path string) {
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		v.add(field, "give an absolute path", "%q is not one", path)
	}
}
