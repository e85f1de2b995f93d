package pid1

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// watchGate calls hit, from its own goroutine, each time a thread of the group runs into the limit. It
// ends with the process: the gate is needed until power-off.
func watchGate(m memoryGroup, hit func()) error {
	control, err := os.Open(filepath.Join(m.dir, "memory.oom_control"))
	if err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		control.Close()
		return fmt.Errorf("make eventfd: %w", err)
	}
	event := strconv.Itoa(efd) + " " + strconv.Itoa(int(control.Fd()))
	if err := m.write("cgroup.event_control", event); err != nil {
		control.Close()
		unix.Close(efd)
		return err
	}
	go func() {
		defer control.Close() // closing it earlier would end the registration
		var buf [8]byte
		for {
			// A plain blocking read on a thread of its own: the gate must not depend on the
			// netpoller getting its turn while the guest is short of memory.
			n, err := unix.Read(efd, buf[:])
			if err == unix.EINTR {
				continue
			}
			if err != nil || n != len(buf) || binary.LittleEndian.Uint64(buf[:]) == 0 {
				return
			}
			hit()
		}
	}()
	return nil
}
