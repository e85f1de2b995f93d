package threads

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// thread is one of the application's that runs or could.
type thread struct {
	tid  int
	vcpu int // on which it is
	ran  int // since its start, hundredths of a second
}

// move is a thread that goes to another vCPU.
type move struct{ tid, vcpu int }

// over says which threads go to the vCPUs that were added to those before: of each vCPU all but the one that has done most, those
// that have done more first. The least are the Go runtime's monitor and the like, which come and go in microseconds.
func over(threads []thread, from, to int) (moves []move) {
	threads = slices.SortedFunc(slices.Values(threads), func(a, b thread) int { return cmp.Compare(b.ran, a.ran) })
	busy := make([]bool, to)
	var waiting []thread
	for _, t := range threads {
		switch {
		case t.vcpu >= to:
		case busy[t.vcpu]:
			waiting = append(waiting, t)
		default:
			busy[t.vcpu] = true
		}
	}
	for vcpu := from; vcpu < to && len(waiting) > 0; vcpu++ {
		if !busy[vcpu] {
			moves = append(moves, move{waiting[0].tid, vcpu})
			waiting = waiting[1:]
		}
	}
	return moves
}

// Crowd is who ran or could have on the vCPUs of a process at one moment.
type Crowd []thread

// Spread has threads of a crowd that waited on the first vCPUs of their process run on those that were added to them, at once. The kernel
// looks for them at its ticks, and a thread that wakes stays where it last ran where no two processors share a cache, as those of a guest do
// not. One that ended meanwhile is no error.
func (c Crowd) Spread(from, to int) error {
	for _, m := range over(c, from, to) {
		if err := send(m); err != nil && err != unix.ESRCH {
			return fmt.Errorf("move thread %d to vCPU %d: %w", m.tid, m.vcpu, err)
		}
	}
	return nil
}

// send moves a thread and leaves it free to go wherever it was allowed to be.
func send(m move) error {
	var allowed, there unix.CPUSet
	if err := unix.SchedGetaffinity(m.tid, &allowed); err != nil {
		return err
	}
	if !allowed.IsSet(m.vcpu) {
		return nil
	}
	there.Set(m.vcpu)
	if err := unix.SchedSetaffinity(m.tid, &there); err != nil {
		return err
	}
	return unix.SchedSetaffinity(m.tid, &allowed)
}

// Running returns the crowd of a process: its threads that run or could. It reads a file for each thread there is, by nothing but the
// system calls that it takes: who waits meanwhile waits for this.
func Running(pid int) (Crowd, error) {
	folder, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	defer unix.Close(folder)
	var crowd Crowd
	var names []string
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.ReadDirent(folder, buf)
		if err != nil {
			return nil, fmt.Errorf("list threads: %w", err)
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	for _, tid := range names {
		b, err := stat(folder, tid, buf)
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

func stat(folder int, tid string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(folder, tid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
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
