package pid1

import (
	"fmt"

	"github.com/u-root/u-root/pkg/libinit"
	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// The list is ours and not libinit's own: that one makes folders a guest does not need and mounts
// controllers it does not have, and each mount costs boot time.
var (
	// mountsFirst is what it takes to find the port and speak to the host.
	mountsFirst = []libinit.Creator{
		libinit.Mount{Source: "devtmpfs", Target: "/dev", FSType: "devtmpfs", Flags: unix.MS_NOSUID},
		libinit.Mount{Source: "proc", Target: "/proc", FSType: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		libinit.Mount{Source: "sysfs", Target: "/sys", FSType: "sysfs", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	}

	// mountsCgroups is where the application's limits are.
	mountsCgroups = []libinit.Creator{
		libinit.Mount{Source: "tmpfs", Target: cgroupRoot, FSType: "tmpfs", Opts: "mode=755"},
		libinit.Dir{Name: cgroupRoot + "/memory", Mode: 0o755},
		libinit.Dir{Name: cgroupRoot + "/cpuset", Mode: 0o755},
		libinit.Dir{Name: cgroupRoot + "/unified", Mode: 0o755},
		libinit.Mount{Source: "cgroup", Target: cgroupRoot + "/memory", FSType: "cgroup", Opts: "memory"},
		libinit.Mount{Source: "cgroup", Target: cgroupRoot + "/cpuset", FSType: "cgroup", Opts: "cpuset"},
		libinit.Mount{Source: "cgroup2", Target: cgroupRoot + "/unified", FSType: "cgroup2"},
	}

	// mountsThen is what the application expects.
	mountsThen = []libinit.Creator{
		libinit.Mount{Source: "tmpfs", Target: "/tmp", FSType: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_NODEV, Opts: "mode=1777"},
		libinit.Dir{Name: "/dev/shm", Mode: 0o1777},
		libinit.Mount{Source: "tmpfs", Target: "/dev/shm", FSType: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_NODEV, Opts: "mode=1777"},
		libinit.Dir{Name: "/dev/pts", Mode: 0o755},
		libinit.Mount{Source: "devpts", Target: "/dev/pts", FSType: "devpts", Opts: "newinstance,ptmxmode=666,mode=620"},
		libinit.Symlink{NewPath: "/dev/ptmx", Target: "/dev/pts/ptmx"},
		libinit.Symlink{NewPath: "/dev/fd", Target: "/proc/self/fd"},
		libinit.Symlink{NewPath: "/dev/stdin", Target: "/proc/self/fd/0"},
		libinit.Symlink{NewPath: "/dev/stdout", Target: "/proc/self/fd/1"},
		libinit.Symlink{NewPath: "/dev/stderr", Target: "/proc/self/fd/2"},
		libinit.Dir{Name: "/etc", Mode: 0o755},
		libinit.Dir{Name: "/run", Mode: 0o755},
	}
)

// create makes each in order. Unlike libinit.Create it stops at the first failure: a guest without
// its cgroups must not run as if it had them. The modes in the lists are meant: the caller has set the
// umask of the process to 0.
func create(list []libinit.Creator) error {
	for _, c := range list {
		if err := c.Create(); err != nil {
			return fmt.Errorf("create %s: %w", c, err)
		}
	}
	return nil
}
