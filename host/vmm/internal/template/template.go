package template

import (
	"fmt"
	"io"
	"os"
)

// Template is a published one, open for a guest to go on from.
type Template struct {
	Header
	file *os.File
}

// Stream returns a file for QEMU to inherit, at the beginning of its stream. It is the template's own:
// Close closes it.
func (t *Template) Stream() (*os.File, error) {
	if _, err := t.file.Seek(streamAt(t.Memory), io.SeekStart); err != nil {
		return nil, fmt.Errorf("find devices in template: %w", err)
	}
	return t.file, nil
}

// Fill copies the memory into an empty file and checks everything. It fails with a *DamagedError where
// the template does not hold what was put into it. It moves the position of no file that QEMU reads.
func (t *Template) Fill(memory *os.File) error {
	// Finding data moves the position, which QEMU has inherited: it takes a file of its own.
	own, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", t.file.Fd()))
	if err != nil {
		return fmt.Errorf("open template: %w", err)
	}
	defer own.Close()
	check, err := copyPages(memory, 0, own, headerSize, t.Memory)
	if err != nil {
		return err
	}
	stream, err := checkStream(own, streamAt(t.Memory), t.Header.Stream)
	if err != nil {
		return err
	}
	if check != t.MemoryCheck || stream != t.StreamCheck {
		return &DamagedError{Path: t.file.Name(), Err: fmt.Errorf("wrong checksum")}
	}
	return nil
}

// Close releases the file.
func (t *Template) Close() error { return t.file.Close() }
