package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/threads"
)

// memory is what the load program is told it may hold, bytes: more than it ever needs.
const memory = 128 << 20

// changer answers the load program. All it is asked for it does at once and in turn.
type changer struct {
	acpi bool
	conn *hvcall.Conn
	load *threads.Process // the load program

	mu    sync.Mutex
	grant hvcall.Grant
	want  uint32
	on    string // the vCPU that is there besides the first; "" = none
	owed  bool   // the vCPU goes as soon as it comes: it was taken while its device was under way
}

func newChanger(way string) (*changer, error) {
	c := &changer{grant: hvcall.Grant{Serial: 1, Memory: memory, MilliCPU: 1000}}
	switch way {
	case "sysfs":
	case "acpi":
		c.acpi = true
		if err := c.watch(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("want sysfs or acpi, got %q", way)
	}
	return c, nil
}

func (c *changer) serve(rw io.ReadWriteCloser) {
	c.conn = hvcall.NewConn(rw, hvcall.Config{})
	go func() {
		err := c.conn.Serve(context.Background(), c.answer)
		fmt.Println("cpuagent: the load program hung up:", err)
	}()
}

func (c *changer) answer(_ context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		return hvcall.Welcome{Name: "load", Memory: hvcall.MemoryBounds{Boot: memory, Max: memory}, CPU: hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 2000},
			Grant: hvcall.GrantJSON{Serial: 1, Memory: memory, MilliCPU: 1000}}.Encode(), nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		c.demand(d)
	}
	return nil, nil
}

// demand meets a new demand for vCPUs.
func (c *changer) demand(d hvcall.Demand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.want
	c.want = d.MilliCPU
	switch {
	case d.MilliCPU == before:
	case d.MilliCPU > 1000:
		fmt.Printf("demand %d %d\n", d.MilliCPU, now())
		if !c.acpi { // else the host hears the line above and plugs the device
			c.online(second)
		}
	case c.on != "":
		fmt.Printf("demand %d %d\n", d.MilliCPU, now())
		if !c.acpi {
			c.offline()
		}
	}
}

// revoke takes the vCPU at the host's word. A device that was asked for may come after that, in a guest that has much to do.
func (c *changer) revoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on != "" {
		c.offline()
		return
	}
	c.owed = c.want > 1000
	fmt.Println("revoked 0") // the burst goes on without it
}

func (c *changer) online(cpu string) {
	if err := os.WriteFile(switchOf(cpu), []byte("1"), 0); err != nil {
		fmt.Println("cpuagent failed:", err)
		return
	}
	c.on = cpu
	c.tell(2000)
	// As silo's PID 1 does.
	crowd, err := c.load.Running()
	if err == nil {
		err = crowd.Spread(1, 2)
	}
	if err != nil {
		fmt.Println("cpuagent failed:", err)
	}
	if c.owed {
		c.owed = false
		c.offline()
	}
}

func (c *changer) offline() {
	begin := now()
	if err := os.WriteFile(switchOf(c.on), []byte("0"), 0); err != nil {
		fmt.Println("cpuagent failed:", err)
		return
	}
	c.on = ""
	fmt.Printf("revoked %d\n", now()-begin)
	c.tell(1000)
}

func (c *changer) tell(milli uint32) {
	c.grant.Serial++
	c.grant.MilliCPU = milli
	if err := c.conn.SendGrant(c.grant); err != nil {
		fmt.Println("cpuagent failed:", err)
	}
}

// second is the vCPU that comes and goes where none is plugged.
const second = "cpu1"

func switchOf(cpu string) string { return "/sys/devices/system/cpu/" + cpu + "/online" }

func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // there is no system without it
	}
	return ts.Nano()
}
