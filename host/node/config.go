package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/cpushare"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/hvcall"
)

// Config configures a Node. The zero value gives guests what is available on this machine.
type Config struct {
	// Capacity is what guests may have; a zero Memory means what is available now, less an eighth, and a zero
	// MilliCPU all processors.
	Capacity broker.Capacity
	// Launch starts a machine; nil = vmm.Start.
	Launch func(context.Context, vmm.Config) (vmm.Machine, error)
	// Hold makes the share of a machine: its process and the threads of its vCPUs; nil = by package cpushare.
	Hold func(pid int, threads []int) Share
	// Templates is the folder of saved guests that GuestSpec.Template works with; "" = vmm.DefaultTemplates.
	Templates string
	// Propose is told which guest should leave this host, which has too little for all. It must not wait; nil = nobody is.
	Propose func(broker.ProposeMove)
	// MoveAfter is for how long there must be too little before that; 0 = 10 s.
	MoveAfter time.Duration
	// Volumes is where named volumes are; without a Dir there are none.
	Volumes volume.Store
	// Log gets one line for each decision of the broker at level debug; nil = silent.
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Launch == nil {
		c.Launch = func(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) { return vmm.Start(ctx, cfg) }
	}
	if c.Templates == "" {
		c.Templates = vmm.DefaultTemplates()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Hold == nil {
		shares := cpushare.Open(cpushare.Config{Log: c.Log})
		c.Hold = func(pid int, threads []int) Share { return shares.Hold(pid, threads) }
	}
	if c.Capacity.MilliCPU == 0 {
		c.Capacity.MilliCPU = int64(runtime.NumCPU()) * 1000
	}
	if c.Capacity.Memory == 0 {
		available, err := availableMemory()
		if err != nil {
			return c, err
		}
		// QEMU itself and the rest of the host live on what is left.
		c.Capacity.Memory, c.Capacity.Slush = available, available/8
	}
	return c, nil
}

// availableMemory is what the host could give to new processes now, in bytes.
func availableMemory() (int64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, fmt.Errorf("read host memory: %w", err)
	}
	m, err := fs.Meminfo()
	if err != nil {
		return 0, fmt.Errorf("read host memory: %w", err)
	}
	if m.MemAvailableBytes == nil {
		return 0, fmt.Errorf("read host memory: /proc/meminfo has no MemAvailable: Linux 3.14 or newer is needed")
	}
	return int64(*m.MemAvailableBytes), nil
}

// Memory bounds a guest's memory, in bytes, multiples of [vmm.BlockSize].
type Memory struct {
	Min int64 // present at boot and guaranteed; 0 = 64 MiB, or LeastMemory where that is more
	Max int64 // never more; 0 = Min
}

// CPU bounds a guest's vCPUs, in thousandths: 250 is a quarter of a processor's time.
type CPU struct {
	MinMilli uint32 // guaranteed; 0 = 1000
	MaxMilli uint32 // never more; 0 = MinMilli
}

// GuestSpec describes a guest. Kernel and Initramfs must be given; everywhere else the zero value is right.
type GuestSpec struct {
	Name              string // "" = a name of the node's choice
	Kernel, Initramfs string // paths
	Args              []string
	Env               []string // KEY=VALUE
	Dir               string   // working directory of the application; "" = /
	Memory            Memory
	CPU               CPU
	Weight            uint32 // share when there is not enough for all; 0 = 100
	Ports             []vmm.Forward
	Network           vmm.Network
	Bridge            *bridge.Attachment // in place of Ports and Network; nil = Network says
	Volumes           []Volume
	Stays             bool     // the broker does not name it to move to another host; nor one that cannot (Movable)
	DNS               []string // addresses of resolvers; none = the network's own, which asks the host's

	Readiness *hvcall.Probe // PID 1 says for the application that it serves; nil = it does so itself, or nobody does
	Liveness  *hvcall.Probe // an application that has served and does not any more is ended; nil = nobody looks
	Watchdog  time.Duration // an application that speaks with silo and answers no heartbeat for so long is ended; 0 = never

	// Cores is the folder for a core of the application when it crashes, as package corefile writes it; "" = none is taken.
	Cores string

	// Template lets the guest go on from the saved state of one like it, where there is one, and saves it for
	// others where there is none.
	Template bool

	Stdout, Stderr io.Writer // the application's; nil = dropped
	InitLog        io.Writer // PID 1's log; nil = dropped
	Console        io.Writer // the kernel's messages; nil = only the last lines are kept, for errors

	// Machine changes the machine's configuration before it is started; nil = it is right.
	Machine func(*vmm.Config)
	// Limit is told the most memory that the machine may hold, bytes: before it may hold more, and after it
	// holds less; never twice at once. nil = nobody enforces it.
	Limit func(bytes int64)
	// Exited is told how the application ended, before the guest is answered and powers off.
	Exited func(hvcall.Exit)

	AnswerWithin   time.Duration // a guest that runs and answers its host nothing for so long is ended with cause silent; 0 = never
	HelloDeadline  time.Duration // from the start of the machine to its Hello; 0 = 30 s
	ShutdownWithin time.Duration // for a clean end when nobody says how long; 0 = 10 s
	RefuseAfter    time.Duration // how long a thread may wait for memory the host does not have; 0 = for ever

	// Observer is told of changes and, at least every Sample, how things are; never by two goroutines at
	// once. While it runs, changes are merged.
	Observer func(Observation)
	Sample   time.Duration // 0 = 250 ms
}

const (
	defaultMemory         = 64 << 20
	defaultHelloDeadline  = 30 * time.Second
	defaultShutdownWithin = 10 * time.Second
	defaultSample         = 250 * time.Millisecond
)

// SpecError says what is wrong with one field of a GuestSpec.
type SpecError struct {
	Field string // for example "Memory.Max"
	Cause string
	Fix   string
}

// Error implements error.
func (e *SpecError) Error() string {
	return fmt.Sprintf("start guest: %s: %s: %s", e.Field, e.Cause, e.Fix)
}
