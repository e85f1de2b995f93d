package node

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// withDefaults fills in and checks what is fixed for the guest's life.
func (s GuestSpec) withDefaults() (GuestSpec, error) {
	orDefault(&s.Memory.Min, max(defaultMemory, LeastMemory(s.Initramfs)))
	orDefault(&s.Memory.Max, s.Memory.Min)
	orDefault(&s.CPU.MinMilli, 1000)
	orDefault(&s.CPU.MaxMilli, s.CPU.MinMilli)
	orDefault(&s.HelloDeadline, defaultHelloDeadline)
	orDefault(&s.ShutdownWithin, defaultShutdownWithin)
	orDefault(&s.Sample, defaultSample)
	for _, w := range []*io.Writer{&s.Stdout, &s.Stderr, &s.InitLog} {
		if *w == nil {
			*w = io.Discard
		}
	}
	return s, s.check()
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (s GuestSpec) check() error {
	human := func(n int64) string { return humanize.IBytes(uint64(n)) }
	for _, m := range []struct {
		field string
		n     int64
	}{{"Memory.Min", s.Memory.Min}, {"Memory.Max", s.Memory.Max}} {
		if m.n < 0 || m.n%vmm.BlockSize != 0 {
			return &SpecError{m.field, fmt.Sprintf("%d bytes is not a multiple of %s", m.n, human(vmm.BlockSize)),
				"use " + human(max(1, (m.n+vmm.BlockSize-1)/vmm.BlockSize)*vmm.BlockSize)}
		}
	}
	if least := LeastMemory(s.Initramfs); s.Memory.Min < least {
		return &SpecError{"Memory.Min", fmt.Sprintf("%s is too little to boot this image, whose programs stay in memory", human(s.Memory.Min)),
			"use " + human(least) + " or more"}
	}
	if s.Memory.Max < s.Memory.Min {
		return &SpecError{"Memory.Max", fmt.Sprintf("%s is less than the minimum of %s", human(s.Memory.Max), human(s.Memory.Min)),
			"raise the maximum or lower the minimum"}
	}
	if s.CPU.MaxMilli < s.CPU.MinMilli {
		return &SpecError{"CPU.MaxMilli", fmt.Sprintf("%d is less than the minimum of %d", s.CPU.MaxMilli, s.CPU.MinMilli),
			"raise the maximum or lower the minimum"}
	}
	if err := s.checkBridge(); err != nil {
		return err
	}
	for field, p := range map[string]*hvcall.Probe{"Readiness": s.Readiness, "Liveness": s.Liveness} {
		if err := p.Check("probe"); err != nil {
			return &SpecError{field, err.Error(), "give a port from 1 to 65535, and a path that begins with / where HTTP is meant"}
		}
	}
	if s.Watchdog != 0 && s.Watchdog < leastWatchdog {
		return &SpecError{"Watchdog", fmt.Sprintf("%v is less than %v", s.Watchdog, leastWatchdog), "a busy program may be silent for so long: give it more"}
	}
	if s.AnswerWithin != 0 && s.AnswerWithin < leastAnswer {
		return &SpecError{"AnswerWithin", fmt.Sprintf("%v is less than %v", s.AnswerWithin, leastAnswer), "a guest on a busy host may be silent for so long: give it more"}
	}
	if s.Dir != "" && !path.IsAbs(s.Dir) {
		return &SpecError{"Dir", fmt.Sprintf("%q is not absolute", s.Dir), "begin it with /"}
	}
	if s.Cores != "" && !filepath.IsAbs(s.Cores) {
		return &SpecError{"Cores", fmt.Sprintf("%q is not absolute", s.Cores), "begin it with /"}
	}
	for i, d := range s.DNS {
		if _, err := netip.ParseAddr(d); err != nil {
			return &SpecError{fmt.Sprintf("DNS[%d]", i), fmt.Sprintf("%q is not an address", d), "write it like 9.9.9.9"}
		}
	}
	for i, e := range s.Env {
		if k, _, ok := strings.Cut(e, "="); !ok || k == "" || strings.ContainsRune(e, 0) {
			return &SpecError{fmt.Sprintf("Env[%d]", i), fmt.Sprintf("%q has no name and value", e), "write it as NAME=VALUE"}
		}
	}
	return CheckVolumes(s.Volumes)
}

// leastWatchdog is the shortest time in which silence means something.
const leastWatchdog = time.Second

// vcpus is how many processors the machine has: whole ones for all that can ever be granted.
func (s GuestSpec) vcpus() int { return int(s.CPU.MaxMilli+999) / 1000 }

func (s GuestSpec) bounds() broker.Bounds {
	return broker.Bounds{
		Boot: s.Memory.Min, Max: s.Memory.Max, Weight: s.Weight,
		MinMilli: int64(s.CPU.MinMilli), MaxMilli: int64(s.CPU.MaxMilli), Fixed: s.Stays || s.movable() != nil,
	}
}

func (s GuestSpec) machine(log *slog.Logger) vmm.Config {
	return vmm.Config{
		Name: s.Name, Kernel: s.Kernel, Initramfs: s.Initramfs,
		BootMemory: s.Memory.Min, MaxMemory: s.Memory.Max, VCPUs: s.vcpus(),
		Network: s.Network, Forwards: s.Ports, Bridge: s.Bridge, Console: s.Console, Log: log,
	}
}

// welcome is all of the answer to Hello that is known before the guest says it.
func (s GuestSpec) welcome() hvcall.Welcome {
	w := hvcall.Welcome{
		Name:         s.Name,
		Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog, hvcall.CapSteal, hvcall.CapVolumes, hvcall.CapCores},
		MaxFrame:     hvcall.DefaultMaxFrame,
		Memory:       hvcall.MemoryBounds{Boot: uint64(s.Memory.Min), Max: uint64(s.Memory.Max)},
		CPU:          hvcall.CPUBounds{MinMilli: s.CPU.MinMilli, MaxMilli: s.CPU.MaxMilli},
		Args:         s.Args, Env: s.Env, Dir: s.Dir, Volumes: told(s.Volumes),
		Readiness: s.Readiness, Liveness: s.Liveness, WatchdogMS: s.Watchdog.Milliseconds(), Cores: s.Cores != "",
		ShutdownMS: s.ShutdownWithin.Milliseconds(), RefusalMS: s.RefuseAfter.Milliseconds(),
	}
	w.Network = s.network()
	return w
}
