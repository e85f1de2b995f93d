package cpushare

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/prometheus/procfs"
)

// Share is one machine's share. Its methods may be called from any goroutine.
type Share struct {
	log      *slog.Logger
	proc     procfs.FS
	pid      int
	threads  []int // of the vCPUs
	advisory bool

	mu             sync.Mutex
	machine, vcpus group     // guarded by mu, as all below
	now            Allowance // zero = nothing is limited yet
	closed         bool
}

// machineGroups are the groups of one machine.
func machineGroups(base string, i identity, v2 bool) (machine, vcpus group) {
	dir := filepath.Join(base, i.name())
	return group{dir, v2}, group{filepath.Join(dir, vcpusName), v2}
}

// enter makes the groups and moves every thread into its own.
func (sh *Share) enter(machine, vcpus group) error {
	sh.machine, sh.vcpus = machine, vcpus
	for _, g := range []group{machine, vcpus} {
		if err := g.make(); err != nil {
			return err
		}
	}
	if err := machine.addProcess(sh.pid); err != nil {
		return err
	}
	for _, tid := range sh.threads {
		if err := vcpus.addThread(tid); err != nil {
			return err
		}
	}
	return nil
}

// Advisory reports that nothing is enforced.
func (sh *Share) Advisory() bool { return sh.advisory }

// Set has the vCPUs use no more than a says from now on. An advisory or closed share does nothing.
func (sh *Share) Set(a Allowance) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.advisory || sh.closed || a == sh.now {
		return nil
	}
	for _, s := range sh.steps(a) {
		if err := s.group.set(s.to); err != nil {
			return fmt.Errorf("set vCPU share of process %d to %d thousandths: %w", sh.pid, a.Milli, err)
		}
	}
	sh.now = a
	return nil
}

// step is one group's change.
type step struct {
	group group
	to    setting
}

// steps are the changes in their order: version 1 refuses a group more than the one around it has.
func (sh *Share) steps(a Allowance) []step {
	machine, vcpus := a.settings(len(sh.threads))
	outer, inner := step{sh.machine, machine}, step{sh.vcpus, vcpus}
	if sh.now == (Allowance{}) { // somebody before us may have set them to anything
		return []step{{sh.vcpus, setting{weight: vcpus.weight}}, outer, inner}
	}
	if before, _ := sh.now.settings(len(sh.threads)); machine.cap < before.cap {
		return []step{inner, outer}
	}
	return []step{outer, inner}
}

// Close removes the groups; the machine must have ended. It may be called more than once.
func (sh *Share) Close() error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.advisory || sh.closed {
		return nil
	}
	sh.closed = true
	return errors.Join(sh.vcpus.remove(), sh.machine.remove())
}

// remove undoes a failed enter: the threads go back to the group they came from.
func (sh *Share) remove(base string) {
	back := group{base, sh.machine.v2}
	err := errors.Join(back.addProcess(sh.pid), sh.vcpus.remove(), sh.machine.remove())
	if err != nil {
		sh.log.Debug("cgroups not removed", "err", err)
	}
}
