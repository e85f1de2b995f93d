package threads

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// most is how many threads a process may have to be looked at. Each is a system call for who looks, while others wait for it, and a
// process of so many leaves them to the kernel's ticks.
const most = 64

// Process is a process whose threads are looked at again and again. What is read of them stays open. It must be used by one
// goroutine at a time.
type Process struct {
	folder  int            // of its threads
	stats   map[string]int // descriptor of each one's stat
	names   []string       // of the threads, in the last look
	entries [4 << 10]byte  // of the folder
	line    [1 << 10]byte  // of one thread
}

// Open returns the process of an id. It is the caller's to close.
func Open(pid int) (*Process, error) {
	folder, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list threads of process %d: %w", pid, err)
	}
	return &Process{folder: folder, stats: map[string]int{}}, nil
}

// Close closes what is open.
func (p *Process) Close() {
	for _, fd := range p.stats {
		unix.Close(fd)
	}
	unix.Close(p.folder)
}

// Running returns the crowd of the process: its threads that run or could. It is empty where there are more than 64 threads.
func (p *Process) Running() (Crowd, error) {
	if err := p.list(); err != nil {
		return nil, err
	}
	if len(p.names) > most {
		return nil, nil
	}
	var crowd Crowd
	for _, tid := range p.names {
		b, err := p.stat(tid)
		if err != nil {
			continue // it ended
		}
		t, runs, err := parse(b)
		if err != nil {
			return nil, err
		}
		if runs {
			crowd = append(crowd, t)
		}
	}
	return crowd, nil
}

func (p *Process) list() error {
	p.names = p.names[:0]
	if _, err := unix.Seek(p.folder, 0, 0); err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for {
		n, err := unix.ReadDirent(p.folder, p.entries[:])
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if n == 0 {
			return nil
		}
		_, _, p.names = unix.ParseDirent(p.entries[:n], -1, p.names)
	}
}

// stat reads what the kernel says of a thread. One whose descriptor says that it ended may be a new one of the same id.
func (p *Process) stat(tid string) ([]byte, error) {
	if fd, ok := p.stats[tid]; ok {
		if n, err := unix.Pread(fd, p.line[:], 0); err == nil {
			return p.line[:n], nil
		}
		unix.Close(fd)
		delete(p.stats, tid)
	}
	fd, err := unix.Openat(p.folder, tid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	n, err := unix.Pread(fd, p.line[:], 0)
	if err != nil || len(p.stats) >= most { // those that ended are still in it: they go with the process
		unix.Close(fd)
		return p.line[:max(n, 0)], err
	}
	p.stats[tid] = fd
	return p.line[:n], nil
}

// parse takes fields of /proc/PID/task/TID/stat: the first, and others that are counted from behind the name, for a name may have
// anything in it.
func parse(b []byte) (t thread, runs bool, err error) {
	tid, _, _ := strings.Cut(string(b), " ")
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const state, user, system, processor = 0, 11, 12, 36 // proc(5) counts from 3 here
	if len(fields) <= processor {
		return thread{}, false, fmt.Errorf("read thread: %q has too few fields", b)
	}
	var n [4]int
	for i, f := range []string{tid, fields[user], fields[system], fields[processor]} {
		if n[i], err = strconv.Atoi(f); err != nil {
			return thread{}, false, fmt.Errorf("read thread: %w", err)
		}
	}
	return thread{tid: n[0], ran: n[1] + n[2], vcpu: n[3]}, fields[state] == "R", nil
}
