package pid1

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Linux sizes many of its limits once, by the memory there is at boot, which in this guest is a fraction of what it may
// come to have: 64 MiB allow 512 threads, 6,500 open files, 256 closing connections and 5 MiB for all of TCP. So
// they are set anew by the most that the guest may hold, in Linux's own proportions, and never below what a
// small server needs: what is used of them is paid for when it is used. So a guest that grew is as quick as one that was
// born large: at 64 MiB a connection's window stays below half a MiB.

// limit is one such limit: most bytes of memory make most/per of it.
type limit struct {
	name  string // below /proc/sys
	per   int64  // bytes
	least int64
	most  int64
}

var limitsByMemory = []limit{
	{"kernel/threads-max", 128 << 10, 4096, 32000}, // beyond that lies kernel.pid_max
	{"fs/file-max", 10 << 10, 65536, 1 << 30},
	{"fs/epoll/max_user_watches", 25 * 160, 65536, 1 << 30},
	{"fs/inotify/max_user_watches", 100 * 1080, 8192, 1 << 20},
	{"net/ipv4/tcp_max_tw_buckets", 256 << 10, 4096, 1 << 18},
	{"net/ipv4/tcp_max_orphans", 256 << 10, 4096, 1 << 18},
}

func (l limit) value(memory int64) string {
	return strconv.FormatInt(min(max(memory/l.per, l.least), l.most), 10)
}

// networkPages is how many pages all sockets of a protocol may use: where they use more than the first they are
// asked to use less, and beyond the third they get none. share is the second one's of the memory.
func networkPages(memory, share int64) string {
	middle := memory / pageSize / share
	return fmt.Sprintf("%d %d %d", middle/4*3, middle, middle/4*3*2)
}

// bufferSizes is the triple of a socket's buffer: the least, the first, and how far it may grow by itself, bytes. The last is a
// 128th of the memory within Linux's bounds, as tcp_init in net/ipv4/tcp.c has it: what all of them may use together is
// bounded by tcp_mem.
func bufferSizes(memory, first, least, most int64) string {
	return fmt.Sprintf("%d %d %d", pageSize, first, max(least, min(most, memory/128)))
}

// temporary are the file systems in memory that the application writes to. Half of the memory is Linux's own default.
var temporary = []string{"/tmp", "/dev/shm"}

// setLimits makes room for what a guest of so many bytes may do.
func setLimits(memory int64) error {
	values := map[string]string{
		"net/ipv4/tcp_mem": networkPages(memory, 16), "net/ipv4/udp_mem": networkPages(memory, 8),
		"net/ipv4/tcp_wmem": bufferSizes(memory, 16<<10, 64<<10, 4<<20), "net/ipv4/tcp_rmem": bufferSizes(memory, 128<<10, 128<<10, 6<<20),
	}
	for _, l := range limitsByMemory {
		values[l.name] = l.value(memory)
	}
	for name, v := range values {
		if err := os.WriteFile("/proc/sys/"+name, []byte(v), 0); err != nil {
			return fmt.Errorf("set %s: %w", strings.ReplaceAll(name, "/", "."), err)
		}
	}
	options := fmt.Sprintf("size=%d,nr_inodes=%d", memory/2, memory/2/pageSize)
	for _, dir := range temporary {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return fmt.Errorf("resize %s: %w", dir, err)
		}
	}
	return nil
}

// filesSoft and filesHard are how many files the application may open: as systemd has it, for programs that try all
// numbers up to the lower one. The Go runtime raises it to the higher one by itself.
const filesSoft, filesHard = 1024, 1 << 20

// allowFiles sets what is inherited by all processes from now on.
func allowFiles() error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: filesSoft, Max: filesHard}); err != nil {
		return fmt.Errorf("set limit of open files: %w", err)
	}
	return nil
}
