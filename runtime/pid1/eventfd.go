package pid1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		watched.Close()
		return fmt.Errorf("make eventfd: %w", err)
	}
	for _, arg := range args {
		event := strconv.Itoa(efd) + " " + strconv.Itoa(int(watched.Fd())) + " " + arg
		if err := g.write("cgroup.event_control", event); err != nil {
			watched.Close()
			unix.Close(efd) // which ends what was registered
			return err
		}
	}
	go func() {
		defer watched.Close() // closing it earlier would end the registration
		var buf [8]byte
		for {
			// A plain blocking read on a thread of its own: the gate must not depend on the
			// netpoller getting its turn while the guest is short of memory.
			n, err := unix.Read(efd, buf[:])
			if errors.Is(err, unix.EINTR) {
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
