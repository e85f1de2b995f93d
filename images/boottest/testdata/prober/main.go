// Command prober is a PID 1 that shows a test what its kernel can do: it obeys lines on the
// call channel's port, and answers each with one line.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	for _, m := range []struct{ kind, at, data string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""},
		{"tmpfs", "/run", ""},
		{"cgroup", "/run/memory", "memory"}, {"cgroup", "/run/cpuset", "cpuset"}, {"cgroup", "/run/cpu", "cpu,cpuacct"},
		{"cgroup", "/run/freezer", "freezer"}, {"cgroup", "/run/pids", "pids"},
	} {
		os.MkdirAll(m.at, 0o755)
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.data); err != nil {
			fmt.Printf("prober: mount %s: %v\n", m.at, err)
		}
	}
	port, err := openPort()
	if err != nil {
		fmt.Println("prober:", err)
		unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	fmt.Fprintln(port, "ready")
	for lines := bufio.NewScanner(port); lines.Scan(); {
		fmt.Fprintln(port, strings.ReplaceAll(obey(strings.Fields(lines.Text())), "\n", " "))
	}
}

// openPort opens the call channel's port, which appears while the kernel still probes.
func openPort() (*os.File, error) {
	for range 500 {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, name := range names {
			if data, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(data)) == "silo.hvcall" {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.New("no port named silo.hvcall")
}

var held [][]byte // memory that was touched

func obey(words []string) string {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch arg(0) {
	case "cat":
		data, err := os.ReadFile(arg(1))
		return string(data) + failure(err)
	case "write":
		return failure(os.WriteFile(arg(1), []byte(arg(2)), 0)) + "ok"
	case "sum": // of a file's content
		data, err := os.ReadFile(arg(1))
		return fmt.Sprintf("%x", sha256.Sum256(data)) + failure(err)
	case "count": // files that match a pattern
		found, _ := filepath.Glob(arg(1))
		return strconv.Itoa(len(found))
	case "mkdir":
		return failure(os.Mkdir(arg(1), 0o755)) + "ok"
	case "zones": // how many memory blocks are in each zone
		count := map[string]int{}
		blocks, _ := filepath.Glob("/sys/devices/system/memory/memory*/valid_zones")
		for _, b := range blocks {
			data, _ := os.ReadFile(b)
			zone, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
			count[zone]++
		}
		return fmt.Sprint(count)
	case "touch":
		return touch(arg(1))
	case "thin": // give back what was touched, but for a page of each huge one
		return thin()
	case "again": // write to what is held; the answer is the number of page faults
		return again()
	case "free":
		for _, b := range held {
			unix.Munmap(b)
		}
		held = nil
		return "ok"
	case "sockets":
		return sockets()
	case "calls":
		return calls()
	case "now": // nanoseconds of the clock that does not jump
		var ts unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		return strconv.FormatInt(ts.Nano(), 10) + failure(err)
	case "off":
		unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	return "no such order"
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return "failed: " + err.Error() + " "
}

// touch maps and touches so many MiB.
func touch(mib string) string {
	n, _ := strconv.Atoi(mib)
	for range n / 16 {
		b, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return failure(err)
		}
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		held = append(held, b)
	}
	return "ok"
}

func thin() string {
	const huge = 2 << 20
	for _, b := range held {
		for ; len(b) > 0; b = b[min(huge, len(b)):] {
			if err := unix.Madvise(b[os.Getpagesize():min(huge, len(b))], unix.MADV_DONTNEED); err != nil {
				return failure(err)
			}
		}
	}
	return "ok"
}

func again() string {
	var before, after unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &before)
	for _, b := range held {
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 2
		}
	}
	if err = errors.Join(err, unix.Getrusage(unix.RUSAGE_SELF, &after)); err != nil {
		return failure(err)
	}
	return fmt.Sprint(after.Minflt - before.Minflt)
}

// sockets opens one of each family.
func sockets() string {
	var bad []string
	for name, family := range map[string]int{
		"inet": unix.AF_INET, "inet6": unix.AF_INET6, "unix": unix.AF_UNIX, "vsock": unix.AF_VSOCK,
		"packet": unix.AF_PACKET, "netlink": unix.AF_NETLINK,
	} {
		kind := unix.SOCK_STREAM
		if family == unix.AF_PACKET || family == unix.AF_NETLINK {
			kind = unix.SOCK_RAW
		}
		fd, err := unix.Socket(family, kind, 0)
		if err != nil {
			bad = append(bad, name+": "+err.Error())
			continue
		}
		unix.Close(fd)
	}
	return strings.Join(bad, ", ") + "."
}

// calls makes system calls that a configuration can take away.
func calls() string {
	var bad []string
	check := func(name string, err error) {
		if errors.Is(err, unix.ENOSYS) {
			bad = append(bad, name)
		}
	}
	_, _, e := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	check("userfaultfd", e)
	_, _, e = unix.Syscall(unix.SYS_SECCOMP, 2, 0, 0)
	check("seccomp", e)
	_, _, e = unix.Syscall(unix.SYS_SIGNALFD4, 0, 0, 8)
	check("signalfd", e)
	_, _, e = unix.Syscall(unix.SYS_IO_SETUP, 0, 0, 0)
	check("aio", e)
	_, err := unix.EpollCreate1(0)
	check("epoll", err)
	_, err = unix.Eventfd(0, 0)
	check("eventfd", err)
	_, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0)
	check("timerfd", err)
	_, err = unix.InotifyInit1(0)
	check("inotify", err)
	_, err = unix.MemfdCreate("x", 0)
	check("memfd", err)
	_, err = unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT)
	check("shm", err)
	return strings.Join(bad, ", ") + "."
}
