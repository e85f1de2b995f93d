package hvcall

import (
	"errors"
	"fmt"
)

// Welcome answers Hello: limits, and to PID 1 the whole boot configuration. Secrets travel here and
// nowhere else: not on a command line, not in an image.
type Welcome struct {
	Name         string       `json:"name,omitempty"`         // the guest's name, also its host name
	Capabilities []Capability `json:"capabilities,omitempty"` // what the host can do
	MaxFrame     uint32       `json:"max_frame,omitempty"`    // largest payload the host accepts, bytes
	Grant        GrantJSON    `json:"grant"`                  // what the guest may hold from the start
	Memory       MemoryBounds `json:"memory"`
	CPU          CPUBounds    `json:"cpu"`
	Args         []string     `json:"args,omitempty"` // arguments of the application, without its name
	Env          []string     `json:"env,omitempty"`  // KEY=VALUE; may hold secrets
	Dir          string       `json:"dir,omitempty"`  // working directory of the application; "" = /
	Network      *Network     `json:"network,omitempty"`
	Volumes      []Volume     `json:"volumes,omitempty"`    // only to who names CapVolumes; at most MaxVolumes
	UnixNanos    int64        `json:"unix_nanos,omitempty"` // the host's clock
	Seed         []byte       `json:"seed,omitempty"`       // random bytes, at most MaxSeed, for the guest's kernel to mix into its own; never the same twice
	ShutdownMS   int64        `json:"shutdown_ms,omitempty"`
	Readiness    *Probe       `json:"readiness,omitempty"`   // nil = the application says so itself
	Liveness     *Probe       `json:"liveness,omitempty"`    // nil = it is not looked at
	WatchdogMS   int64        `json:"watchdog_ms,omitempty"` // an application that speaks and answers no heartbeat for so long is ended; 0 = never
	Cores        bool         `json:"cores,omitempty"`       // when the application crashes, a core of it is to be sent
	RefusalMS    int64        `json:"refusal_ms,omitempty"`  // how long a thread may wait at the gate when the host has no more; 0 = for ever
}

// MaxSeed is the most random bytes in a Welcome.
const MaxSeed = 256

// GrantJSON is the first grant inside a Welcome.
type GrantJSON struct {
	Serial   uint64 `json:"serial"`
	Memory   uint64 `json:"memory"`    // bytes
	MilliCPU uint32 `json:"milli_cpu"` // thousandths of a vCPU
}

// MemoryBounds are the limits of what can ever be granted, in bytes.
type MemoryBounds struct {
	Boot uint64 `json:"boot"` // present at boot, never taken away
	Max  uint64 `json:"max"`
}

// CPUBounds are the limits of what can ever be granted.
type CPUBounds struct {
	MinMilli uint32 `json:"min_milli"`
	MaxMilli uint32 `json:"max_milli"`
}

// Network configures the guest's one interface without DHCP.
type Network struct {
	MAC     string   `json:"mac,omitempty"`     // the interface's Ethernet address, which is announced to its network; "" = as the device says, and not
	Address []string `json:"address,omitempty"` // CIDR, IPv4 or IPv6
	Gateway []string `json:"gateway,omitempty"`
	DNS     []string `json:"dns,omitempty"`
	MTU     int      `json:"mtu,omitempty"` // 0 = as the device says
}

// Encode returns the JSON form.
func (w Welcome) Encode() []byte { return mustJSON(w) }

// DecodeWelcome reads and checks a Welcome.
func DecodeWelcome(b []byte) (Welcome, error) {
	var w Welcome
	if err := unmarshal(OpHello, b, &w); err != nil {
		return Welcome{}, err
	}
	switch {
	case w.Grant.Memory > MaxMemory || w.Memory.Max > MaxMemory || w.Memory.Boot > w.Memory.Max:
		return Welcome{}, &FrameError{Field: "welcome memory", Value: w.Memory.Max, Why: "out of range"}
	case w.CPU.MaxMilli > maxMilliCPU || w.CPU.MinMilli > w.CPU.MaxMilli || w.Grant.MilliCPU > maxMilliCPU:
		return Welcome{}, &FrameError{Field: "welcome cpu", Value: uint64(w.CPU.MaxMilli), Why: "out of range"}
	case len(w.Seed) > MaxSeed:
		return Welcome{}, &FrameError{Field: "welcome seed", Value: uint64(len(w.Seed)), Why: fmt.Sprintf("above the limit of %d bytes", MaxSeed)}
	case w.ShutdownMS < 0 || w.RefusalMS < 0 || w.WatchdogMS < 0:
		return Welcome{}, &FrameError{Field: "welcome deadline", Why: "negative"}
	}
	return w, errors.Join(checkVolumes(w.Volumes), w.Readiness.Check("welcome readiness"), w.Liveness.Check("welcome liveness"))
}
