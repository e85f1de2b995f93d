package template

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Draft is a template in the making. It has no name yet: it goes with its last descriptor.
type Draft struct {
	store  Store
	id     Identity
	memory int64 // bytes
	check  uint32
	file   *os.File
}

// Draft begins a template for a guest with so many bytes of boot memory.
func (s Store) Draft(id Identity, memory int64) (*Draft, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of templates: %w", err)
	}
	f, err := os.OpenFile(s.Dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin template: %w", err)
	}
	return &Draft{store: s, id: id, memory: memory, file: f}, nil
}

// Stream returns the file for QEMU to inherit, where its stream is to begin. It is the draft's own.
func (d *Draft) Stream() (*os.File, error) {
	if _, err := d.file.Seek(streamAt(d.memory), io.SeekStart); err != nil {
		return nil, fmt.Errorf("begin template: %w", err)
	}
	return d.file, nil
}

// TakeMemory copies the guest's memory. The guest must stand still.
func (d *Draft) TakeMemory(memory *os.File) (err error) {
	d.check, err = copyPages(d.file, headerSize, memory, 0, d.memory)
	return err
}

// Publish gives the template its name, and removes old ones where it takes their room. said is what the guest
// sent until it was stopped. A template that was there first stays. The draft is closed in any case.
func (d *Draft) Publish(said []byte) error {
	defer d.Close()
	info, err := d.file.Stat()
	if err != nil {
		return fmt.Errorf("publish template: %w", err)
	}
	h := Header{Identity: d.id, Made: time.Now().UTC(), Said: said, Memory: d.memory, MemoryCheck: d.check,
		Stream: info.Size() - streamAt(d.memory)}
	if h.Stream <= 0 {
		return errors.New("publish template: qemu wrote nothing")
	}
	if h.StreamCheck, err = checkStream(d.file, streamAt(d.memory), h.Stream); err != nil {
		return fmt.Errorf("publish template: %w", err)
	}
	head, err := h.encode()
	if err == nil {
		_, err = d.file.WriteAt(head, 0)
	}
	if err != nil {
		return fmt.Errorf("publish template: %w", err)
	}
	if info, err = d.file.Stat(); err != nil {
		return fmt.Errorf("publish template: %w", err)
	}
	return d.name(onDisk(info))
}

// name makes room and puts the file into the folder.
func (d *Draft) name(size int64) error {
	if size > d.store.limit() {
		return fmt.Errorf("publish template: its %d bytes are more than the %d that all may take", size, d.store.limit())
	}
	if err := d.store.prune(size); err != nil {
		return err
	}
	err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", d.file.Fd()), unix.AT_FDCWD, d.store.path(d.id), unix.AT_SYMLINK_FOLLOW)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("publish template: %w", err)
	}
	return nil
}

// Close releases the file, and with it all that was not published.
func (d *Draft) Close() error { return d.file.Close() }

// onDisk is what a file takes there, bytes; holes take nothing.
func onDisk(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
