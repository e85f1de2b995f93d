package pid1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// watchGroup calls hit, from its own goroutine, each time the kernel has something to say of a file of the group. Each of args is
// one thing to say it of; a file that says one thing only takes "". It ends with the process.
func (g cgroup) watchGroup(file string, args []string, hit func()) error {
	watched, err := os.Open(g.path(file))
	if err != nil {
		return fmt.Errorf("watch %s: %w", file, err)
	}
	efd, err := newEventFD()
	if err != nil {
		watched.Close()
		return err
	}
	for _, arg := range args {
		event := strconv.Itoa(efd.fd) + " " + strconv.Itoa(int(watched.Fd())) + " " + arg
		if err := g.write("cgroup.event_control", event); err != nil {
			watched.Close()
			efd.close() // which ends what was registered
			return err
		}
	}
	go func() {
		defer watched.Close() // closing it earlier would end the registration
		efd.each(hit)
	}()
	return nil
}

// eventFD is a descriptor that the kernel counts up.
type eventFD struct{ fd int }

func newEventFD() (eventFD, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return eventFD{}, fmt.Errorf("make eventfd: %w", err)
	}
	return eventFD{fd}, nil
}

func (e eventFD) close() { unix.Close(e.fd) }

// each calls hit each time that the kernel counted.
func (e eventFD) each(hit func()) {
	var buf [8]byte
	for {
		// A plain blocking read on a thread of its own: the gate must not depend on the
		// netpoller getting its turn while the guest is short of memory.
		n, err := unix.Read(e.fd, buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != len(buf) || binary.LittleEndian.Uint64(buf[:]) == 0 {
			return
		}
		hit()
		// Who was told runs first: to read again is to keep this process's only processor of the Go scheduler until its monitor notices,
		// which takes it milliseconds.
		runtime.Gosched()
	}
}
