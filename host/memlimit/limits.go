package memlimit

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// Overhead is what QEMU may hold beside guest memory, bytes. It has to be more than any QEMU ever needs, and
// only its order matters: it bounds what a hostile guest can make the host lose. Most of it is the buffer of
// translated code under emulation.
const Overhead = 640 << 20

// prefix begins the names of groups.
const prefix = "silo-mem-"

// Config configures Limits. The zero value is right.
type Config struct {
	Log *slog.Logger // nil = silent
}

// Limits are the memory cgroups of one host's machines.
type Limits struct {
	base string // folder that the groups stand in; "" = nothing can be enforced
	v2   bool
	log  *slog.Logger
}

// Open finds where this process may make groups. It never fails: without such a place nothing is enforced.
func Open(cfg Config) *Limits {
	l := &Limits{log: cfg.Log}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	base, v2, err := findBase()
	if err == nil {
		l.base, l.v2 = base, v2
		err = l.try()
	}
	if err != nil {
		l.base = ""
		l.log.Warn("memory of guests is not enforced: no memory cgroups can be made", "err", err)
	}
	return l
}

// Advisory reports whether nothing is enforced.
func (l *Limits) Advisory() bool { return l.base == "" }

// try proves that a group can be made.
func (l *Limits) try() error {
	if l.v2 {
		if err := handDown(l.base); err != nil {
			return err
		}
	}
	dir := filepath.Join(l.base, fmt.Sprintf("%stry-%d", prefix, os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer os.Remove(dir)
	return cgroup.Write(dir, l.file(), strconv.Itoa(Overhead))
}

func (l *Limits) file() string {
	if l.v2 {
		return "memory.max"
	}
	return "memory.limit_in_bytes"
}

func (l *Limits) dir(name string) string { return filepath.Join(l.base, prefix+name) }

// Confine makes a group for a machine whose guest may hold so many bytes, and puts the machine's process in it.
func (l *Limits) Confine(name string, pid int, bytes int64) error {
	if l.base == "" {
		return nil
	}
	dir := l.dir(name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make memory cgroup: %w", err)
	}
	if err := l.Set(name, bytes); err != nil {
		return err
	}
	return cgroup.Write(dir, "cgroup.procs", strconv.Itoa(pid))
}

// Set changes how many bytes a guest may hold. A machine that holds more is made to give up what QEMU can; it
// is ended only when it takes more.
func (l *Limits) Set(name string, bytes int64) error {
	if l.base == "" {
		return nil
	}
	err := cgroup.Write(l.dir(name), l.file(), strconv.FormatInt(bytes+Overhead, 10))
	if errors.Is(err, unix.EBUSY) {
		return nil // version 1: it holds more at this moment. The next change tries again
	}
	return err
}

// Held is what a machine holds, guest memory, QEMU and files in cache together, bytes; 0 = not known.
func (l *Limits) Held(name string) int64 {
	file := "memory.usage_in_bytes"
	if l.v2 {
		file = "memory.current"
	}
	held, err := cgroup.Read(l.dir(name), file)
	if err != nil || l.base == "" {
		return 0
	}
	n, _ := strconv.ParseInt(held, 10, 64) // 0 where it is none
	return n
}

// Remove removes the group of a machine that has ended.
func (l *Limits) Remove(name string) error {
	if l.base == "" {
		return nil
	}
	return cgroup.Remove(l.dir(name))
}
