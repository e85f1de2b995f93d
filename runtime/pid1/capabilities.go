package pid1

import (
	"fmt"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
)

// keep are the capabilities an application has. It is root in its guest, since there is nobody
// else there; but it has no business with modules, raw devices, mounts, the clock or power, and
// what it cannot do a flaw in it cannot do either.
var keep = map[linux.Capability]bool{
	linux.CAP_CHOWN: true, linux.CAP_DAC_OVERRIDE: true, linux.CAP_FOWNER: true, linux.CAP_FSETID: true,
	linux.CAP_KILL: true, linux.CAP_SETGID: true, linux.CAP_SETUID: true, linux.CAP_SETPCAP: true,
	linux.CAP_NET_BIND_SERVICE: true, linux.CAP_NET_RAW: true, linux.CAP_IPC_LOCK: true, linux.CAP_SYS_CHROOT: true,
	linux.CAP_SYS_PTRACE: true, linux.CAP_SYS_NICE: true, linux.CAP_SYS_RESOURCE: true, linux.CAP_MKNOD: true,
	linux.CAP_AUDIT_WRITE: true, linux.CAP_SETFCAP: true,
}

// dropCapabilities takes all others out of the calling thread's bounding set: what is forked from it
// and executed can never have them again. The caller must have locked itself to its thread, and must
// let that thread die afterwards.
func dropCapabilities() error {
	for c := linux.Capability(0); c <= linux.CAP_LAST_CAP; c++ {
		if keep[c] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop %s: %w", c, err)
		}
	}
	return nil
}
