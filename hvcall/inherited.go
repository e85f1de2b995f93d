package hvcall

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// EnvFD names the environment variable in which PID 1 tells the application the number of the
// descriptor it inherited for its calls.
const EnvFD = "SILO_HVCALL_FD"

// Inherited opens the descriptor that PID 1 left for this process, or returns nil, nil where
// there is none: the program does not run in a silo guest. It may be called once; the variable
// is removed and the descriptor closed on exec, so that child processes do not speak as us.
func Inherited() (io.ReadWriteCloser, error) {
	v, ok := os.LookupEnv(EnvFD)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(EnvFD); err != nil {
		return nil, fmt.Errorf("unset %s: %w", EnvFD, err)
	}
	fd, err := strconv.Atoi(v)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("read %s: %q is not the number of an inherited descriptor", EnvFD, v)
	}
	// The variable may be left over from somewhere else, and the number then means something else,
	// perhaps the Go runtime's own: look before taking it over.
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("open inherited descriptor %d: %w", fd, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return nil, fmt.Errorf("open inherited descriptor %d: not a socket", fd)
	}
	syscall.CloseOnExec(fd)
	// Not a net.Conn, which allocates for each error, also for that of a deadline.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("open inherited descriptor %d: %w", fd, err)
	}
	return os.NewFile(uintptr(fd), "hvcall"), nil
}
