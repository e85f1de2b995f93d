package cpushare

import (
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// Config configures Shares. The zero value is right.
type Config struct {
	Log *slog.Logger // nil = silent
}

// Shares makes the shares of a host's machines. It may be used from any goroutine.
type Shares struct {
	log  *slog.Logger
	proc procfs.FS
	h    cgroup.Mount
	why  error // why nothing can be enforced; nil = it can

	advisory sync.Once // it was said
}

// Open finds the host's cgroups and removes those that machines left which are no more. It always returns: where there
// is nothing to find, shares are advisory.
func Open(cfg Config) *Shares {
	s := &Shares{log: cfg.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	base, err := s.open()
	if err != nil {
		s.why = err
		return s
	}
	removed, err := sweep(base, s.h.V2, s.alive)
	for _, name := range removed {
		s.log.Info("cgroup of a machine that is no more removed", "cgroup", name)
	}
	if err != nil {
		s.log.Warn("cgroups of machines that are no more not removed", "err", err)
	}
	return s
}

// open finds the hierarchy and this process's own group in it.
func (s *Shares) open() (base string, err error) {
	if s.proc, err = procfs.NewDefaultFS(); err != nil {
		return "", fmt.Errorf("open /proc: %w", err)
	}
	mounts, err := s.proc.GetMounts()
	if err != nil {
		return "", fmt.Errorf("find cgroups: %w", err)
	}
	if s.h, err = cgroup.Find(mounts, cgroup.Controllers, "cpu"); err != nil {
		return "", err
	}
	return s.base(os.Getpid())
}

// base is the folder of the group that a process is in.
func (s *Shares) base(pid int) (string, error) {
	p, err := s.proc.Proc(pid)
	if err != nil {
		return "", fmt.Errorf("find cgroup: %w", err)
	}
	groups, err := p.Cgroups()
	if err != nil {
		return "", fmt.Errorf("find cgroup: %w", err)
	}
	return baseOf(s.h, groups)
}

// identify tells which process a number means now. One that has ended and was not waited for is none any more.
func (s *Shares) identify(pid int) (identity, error) {
	p, err := s.proc.Proc(pid)
	if err != nil {
		return identity{}, fmt.Errorf("identify process: %w", err)
	}
	stat, err := p.Stat()
	if err != nil {
		return identity{}, fmt.Errorf("identify process: %w", err)
	}
	if stat.State == "Z" {
		return identity{}, fmt.Errorf("identify process: %w", os.ErrProcessDone)
	}
	return identity{pid, stat.Starttime}, nil
}

// alive reports whether a process is still there.
func (s *Shares) alive(i identity) bool {
	now, err := s.identify(i.pid)
	return err == nil && now == i
}

// Hold makes the share of a machine: a process and the threads of its vCPUs. Until Set nothing is limited. Where nothing
// can be enforced it returns a share that does not, and the first time says why.
func (s *Shares) Hold(pid int, threads []int) *Share {
	sh := &Share{log: s.log, proc: s.proc, pid: pid, threads: threads}
	err := s.why
	if err == nil {
		err = s.enforce(sh)
	}
	if err != nil {
		sh.advisory = true
		s.advisory.Do(func() {
			s.log.Warn("vCPU grants are not enforced on this host, guests are asked to keep to them",
				"cause", err, "fix", "run silo as root, or in a cgroup that is delegated to its user")
		})
	}
	return sh
}

// enforce makes the groups and moves the threads in; after an error none are left.
func (s *Shares) enforce(sh *Share) error {
	i, err := s.identify(sh.pid)
	if err != nil {
		return err
	}
	base, err := s.base(sh.pid)
	if err != nil {
		return err
	}
	if err := sh.enter(machineGroups(base, i, s.h.V2)); err != nil {
		sh.remove(base)
		return err
	}
	return nil
}
