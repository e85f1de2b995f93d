package pid1

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// source is a file of the kernel's that is read again and again. It stays open, and a reading is one system call into memory
// that is there already: what is read from the file's beginning the kernel makes anew. It must be used by one
// goroutine at a time, and what a reading returns holds until the next one.
type source struct {
	path string
	fd   int
	buf  []byte
}

// sourceSize is room for all files but the longest ones, bytes.
const sourceSize = 1 << 10

// openSource opens a file for the life of this process.
func openSource(path string) (*source, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &source{path: path, fd: fd, buf: make([]byte, sourceSize)}, nil
}

// openSources opens each file and puts it where it belongs.
func openSources(files map[string]**source) error {
	for path, to := range files {
		s, err := openSource(path)
		if err != nil {
			return err
		}
		*to = s
	}
	return nil
}

// read returns what the kernel gives in one piece, which is all of a file that says one thing, and a page at least of one
// that has a record for each of many.
func (s *source) read() ([]byte, error) {
	n, err := s.fill(0)
	return s.buf[:n], err
}

// readAll returns all of a file.
func (s *source) readAll() ([]byte, error) {
	for at := 0; ; {
		n, err := s.fill(at)
		if n == at || err != nil {
			return s.buf[:n], err
		}
		at = n
	}
}

// fill reads on from an offset, and returns how much there is now. Where its memory does not suffice it takes more. The call does
// not wait and is made without a word to the Go scheduler, whose monitor would wake for it in a guest that sleeps.
func (s *source) fill(at int) (int, error) {
	for {
		room := s.buf[at:]
		n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(room))), uintptr(len(room)), uintptr(at), 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return at, fmt.Errorf("read %s: %w", s.path, errno)
		case int(n) == len(room):
			s.buf = append(s.buf[:at], make([]byte, 2*len(s.buf)-at)...)
		default:
			return at + int(n), nil
		}
	}
}

// number reads a decimal number and nothing else. The readings of the control loop are parsed by it, in a process that should
// touch no new memory: it allocates nothing.
func number(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n > (1<<63-1-9)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(b) > 0
}
