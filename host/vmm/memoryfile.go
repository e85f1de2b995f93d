package vmm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryName is the name of all files with a guest's memory, as QEMU gives it to those that it makes itself; by it they are found.
const memoryName = "memory-backend-memfd"

// hugeFrom is the least size of memory at boot that is kept in huge pages, bytes: that from which the guest's kernel uses them too. A
// small guest touches a little of everything, and would hold much more than it uses.
const hugeFrom = 128 << 20

// memoryFile makes a file for a guest's memory as QEMU makes them.
func memoryFile(size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate(memoryName, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create guest memory: %w", err)
	}
	return sized(fd, size)
}

// hugeFile makes one that the host keeps in huge pages where it has some: a guest that grows takes a page fault of the host for 2 MiB
// then, and not for 4 KiB, and what it gives back goes as fast. A memfd is kept in them only if the whole host is set so
// (/sys/kernel/mm/transparent_hugepage/shmem_enabled), by default it is not. So this is a file of a file system of its own, which is
// mounted nowhere and gone with its last descriptor. That takes the right to mount, and Linux 5.2.
func hugeFile(size int64) (*os.File, error) {
	root, err := hugeRoot(size)
	if err != nil {
		return nil, fmt.Errorf("create guest memory in huge pages: %w", err)
	}
	defer unix.Close(root)
	const name = "memfd:" + memoryName // so its links look like a memfd's
	fd, err := unix.Openat(root, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create guest memory in huge pages: %w", err)
	}
	f, err := sized(fd, size)
	if err != nil {
		return nil, err
	}
	// QEMU, which is another user, opens it anew. Nobody else gets at it: it has no name any more, as a memfd.
	if err := unix.Unlinkat(root, name, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("create guest memory in huge pages: remove its name: %w", err)
	}
	if err := f.Chmod(0o666); err != nil {
		f.Close()
		return nil, fmt.Errorf("create guest memory in huge pages: %w", err)
	}
	return f, nil
}

// hugeRoot makes a file system for a file of so many bytes and opens its root.
func hugeRoot(size int64) (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open tmpfs: %w", err)
	}
	defer unix.Close(fs)
	for _, option := range [][2]string{{"huge", "always"}, {"size", fmt.Sprint(size)}, {"mode", "0700"}} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return -1, fmt.Errorf("set %s of tmpfs: %w", option[0], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("create tmpfs: %w", err)
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return -1, fmt.Errorf("mount tmpfs: %w", err)
	}
	return root, nil
}

// sized makes a file of a descriptor, which is closed if that fails.
func sized(fd int, size int64) (*os.File, error) {
	f := os.NewFile(uintptr(fd), "guest memory")
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, fmt.Errorf("create guest memory: %w", err)
	}
	return f, nil
}

// huge is how much of the memory is to be in huge pages, in one file, bytes: all that is plugged, or all that there is.
func (c Config) huge() int64 {
	switch {
	case c.elastic() > 0:
		return c.elasticRegion()
	case c.BootMemory >= hugeFrom:
		return c.BootMemory
	}
	return 0
}

// hugeMemory makes the file for that, or returns nil where there is to be none, or where the host does not let us: QEMU makes its own then.
func (c Config) hugeMemory(w Wiring) *os.File {
	size := c.huge()
	if size == 0 || w.Memory != 0 && c.elastic() <= 0 { // all there is has a file already
		return nil
	}
	f, err := hugeFile(size)
	if err != nil {
		c.logger().Debug("guest memory is in small pages", "name", c.name(), "err", err)
		return nil
	}
	return f
}
