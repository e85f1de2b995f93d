package pid1

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/internal/threads"
)

// machine is what the control loop reads and sets in the guest's kernel. Tests have one without a
// kernel.
type machine interface {
	read(said int64) (Reading, error) // of memory; said is what the application says it needs, see Balance.Said
	schedule() (schedule, error)      // of the application's threads
	setLimit(bytes int64) error       // of the application's memory
	setWidth(vcpus int) error         // of the application's cpuset
	crowd() (threads.Crowd, error)    // of the application
	online(vcpus int) error           // makes sure so many run; may take long
	signal(sig unix.Signal) error     // the application
	oom() (oomState, error)

	// watchUse has passed called when what the application is charged passes one of marks, in bytes. It may take long.
	watchUse(marks []int64, passed func()) error

	// askCrowd has the kernel tell once, when threads of the application have shared a vCPU for so long.
	askCrowd(after time.Duration) error
}

var errNotStarted = errors.New("signal the application: it has not been started")

// kernel is the machine of a real guest.
type kernel struct {
	mem  memoryGroup
	cpus cpuGroup
	pid  atomic.Int64 // of the application; 0 = it is not there yet

	counts countGroup
	app    *threads.Process // nil = not looked at yet

	load, pressure, zones *source

	slow slowReading
	kept keptReading
}

// open opens what is read again and again. /proc must be mounted.
func (k *kernel) open() error {
	return openSources(map[string]**source{
		"/proc/loadavg": &k.load, "/proc/pressure/memory": &k.pressure, "/proc/zoneinfo": &k.zones,
	})
}

// slowReading is what costs the kernel more to say, and matters only where an application does not speak, or holds more
// than it says. It is read less often, every slowEvery and when the guest's memory has changed.
type slowReading struct {
	at       time.Time
	total    int64 // that it was made with
	cache    int64
	pressure time.Duration
}

const slowEvery = 250 * time.Millisecond

// readSlowly returns the newest slow reading.
func (k *kernel) readSlowly(total int64) (slowReading, error) {
	now := time.Now()
	if now.Sub(k.slow.at) < slowEvery && total == k.slow.total {
		return k.slow, nil
	}
	cache, err := k.mem.cache()
	if err != nil {
		return slowReading{}, err
	}
	b, err := k.pressure.read()
	if err != nil {
		return slowReading{}, err
	}
	pressure, err := parsePressure(b)
	if err != nil {
		return slowReading{}, err
	}
	k.slow = slowReading{now, total, cache, pressure}
	return k.slow, nil
}

// keptReading is what the kernel keeps, which follows the size of its zones. It is read when the guest's memory has changed,
// and once more slowEvery later: the kernel counts pages in first and sets its watermarks then.
type keptReading struct {
	bytes   int64
	total   int64     // that it was made with
	since   time.Time // of that total
	settled bool      // it was read once more
}

// readKept returns the newest of them.
func (k *kernel) readKept(total int64) (int64, error) {
	now, next := time.Now(), k.kept
	switch {
	case total != next.total:
		next = keptReading{total: total, since: now}
	case next.settled || now.Sub(next.since) < slowEvery:
		return next.bytes, nil
	default:
		next.settled = true
	}
	b, err := k.zones.readAll()
	if err != nil {
		return 0, err
	}
	pages, err := parseKept(b)
	if err != nil {
		return 0, err
	}
	next.bytes = pages * pageSize
	k.kept = next
	return next.bytes, nil
}

func (k *kernel) read(said int64) (Reading, error) {
	// Charged before free: a page that moves from one to the other between the two readings is
	// then counted as the system's, which errs to the safe side.
	charged, err := k.mem.usage()
	if err != nil {
		return Reading{}, err
	}
	m, err := readMemory()
	if err != nil {
		return Reading{}, err
	}
	st, err := k.mem.oom()
	if err != nil {
		return Reading{}, err
	}
	r := Reading{Total: m.total, Free: m.free, Charged: charged, Stalled: st.waiting}
	if r.Kept, err = k.readKept(m.total); err != nil {
		return Reading{}, err
	}
	if said != 0 && charged <= said {
		return r, nil
	}
	slow, err := k.readSlowly(m.total)
	if err != nil {
		return Reading{}, err
	}
	r.Cache, r.Pressure = min(slow.cache, charged), slow.pressure
	return r, nil
}

// tunings are the settings of the kernel's memory that hold from the start to the end of a guest.
var tunings = []struct{ name, value string }{
	// By default the kernel refuses to map what is more than the guest holds at the moment, which here
	// says nothing: what is touched will be granted, or waited for at the gate.
	{"overcommit_memory", "1"},

	// What only the kernel itself may use, and only where it cannot wait. It must be set before the first
	// block comes online: silo's kernel then leaves it there, where others raise it with each block to
	// several huge pages a zone.
	{"min_free_kbytes", "2048"},

	// How much of each zone is kept from allocations that could go to a higher one: a 128th of the higher
	// zones' size. Without it the application's pages fill the zones of which the kernel itself lives; by
	// default it is up to a 32nd, which a guest would pay for.
	{"lowmem_reserve_ratio", "128 128 128 128"},

	// When pages of one kind end up among those of another the kernel raises the watermark for a while, by
	// megabytes at once. What lies below may be in use, and then somebody is killed for want of
	// memory that is free.
	{"watermark_boost_factor", "0"},
}

func tune() error {
	for _, t := range tunings {
		if err := os.WriteFile("/proc/sys/vm/"+t.name, []byte(t.value), 0); err != nil {
			return fmt.Errorf("set vm.%s: %w", t.name, err)
		}
	}
	return nil
}

func (k *kernel) setLimit(n int64) error { return k.mem.setLimit(n) }
func (k *kernel) setWidth(n int) error   { return k.cpus.setWidth(n) }
func (k *kernel) crowd() (threads.Crowd, error) {
	if k.app == nil {
		p, err := threads.Open(int(k.pid.Load()))
		if err != nil {
			return nil, err
		}
		k.app = p // it ends with this process
	}
	return k.app.Running()
}
func (k *kernel) oom() (oomState, error) { return k.mem.oom() }
func (k *kernel) signal(s unix.Signal) error {
	pid := int(k.pid.Load())
	if pid == 0 {
		return errNotStarted // and never kill(0), which would mean ourselves
	}
	if err := unix.Kill(pid, s); err != nil {
		return fmt.Errorf("signal the application: %w", err)
	}
	return nil
}

func (k *kernel) online(n int) error {
	for cpu := 1; cpu < n; cpu++ {
		if err := bringOnline(cpu); err != nil {
			return err
		}
	}
	return nil
}
