package vmm

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// stranger is a process that is no child of this one: it is waited for and killed by a descriptor, which means the
// same process for ever.
type stranger struct {
	id     int
	file   *os.File // the descriptor
	output string   // path of what it writes; "" = not known
	done   chan struct{}
}

// openStranger gets hold of a process; an error that wraps ErrNotRunning says that there is none.
func openStranger(pid int) (*stranger, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("%w: no process %d", ErrNotRunning, pid)
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	s := &stranger{id: pid, file: os.NewFile(uintptr(fd), "pidfd"), done: make(chan struct{})}
	go s.wait()
	return s, nil
}

// wait ends with the process, or with close.
func (s *stranger) wait() {
	raw, err := s.file.SyscallConn()
	if err == nil {
		err = raw.Read(readable)
	}
	if err == nil {
		close(s.done)
		s.file.Close()
	}
}

// readable reports whether a descriptor is; a process's is once it has ended.
func readable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// close lets go of a process that is not to be waited for.
func (s *stranger) close() { s.file.Close() }

func (s *stranger) kill() error {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return nil // closed: it has ended
	}
	var sent error
	err = raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
	if err != nil || errors.Is(sent, unix.ESRCH) {
		return nil // closed in between: likewise
	}
	if sent != nil {
		return fmt.Errorf("kill process %d: %w", s.id, sent)
	}
	return nil
}

func (s *stranger) pid() int                           { return s.id }
func (s *stranger) ended() <-chan struct{}             { return s.done }
func (s *stranger) status() (syscall.WaitStatus, bool) { return 0, false }
func (s *stranger) words() []string                    { return tailOf(s.output) }
