package nodeapi

import (
	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/hvcall"
)

// Version is the path under which all of the API is found.
const Version = "v1"

// Spec is a guest to run. Kernel and Initramfs must be given; everywhere else the zero value is right.
type Spec struct {
	Name      string   `json:"name,omitempty"` // letters, digits, dots, dashes and underscores; "" = the node's choice
	Kernel    string   `json:"kernel"`         // absolute paths on the node's machine; both files are kept by the node
	Initramfs string   `json:"initramfs"`
	Args      []string `json:"args,omitempty"`
	Env       []string `json:"env,omitempty"` // NAME=VALUE; in answers NAME alone
	Memory    Memory   `json:"memory"`
	CPU       CPU      `json:"cpu"`
	Weight    uint32   `json:"weight,omitempty"` // share when there is not enough for all; 0 = 100
	Ports     []Port   `json:"ports,omitempty"`
	Volumes   []Mount  `json:"volumes,omitempty"`
	Network   string   `json:"network,omitempty"` // "user" (= ""), "restricted" or "none"
	// Bridge has the guest on a bridge of the node's host, in place of Ports and Network; nil = it is not.
	Bridge *bridge.Attachment `json:"bridge,omitempty"`

	Restart Restart  `json:"restart,omitempty"` // "" = never
	Dir     string   `json:"dir,omitempty"`     // working directory of the application; "" = /
	DNS     []string `json:"dns,omitempty"`     // addresses of resolvers; none = the network's own

	Readiness  *hvcall.Probe `json:"readiness,omitempty"`   // nil = the application says itself that it serves
	Liveness   *hvcall.Probe `json:"liveness,omitempty"`    // nil = it is not looked at
	WatchdogMS int64         `json:"watchdog_ms,omitempty"` // without an answer to a heartbeat; 0 = never

	// Cores is the folder of the node's machine for a core of the application when it crashes, absolute; "" = none is taken.
	// It holds on the host where the guest was started.
	Cores string `json:"cores,omitempty"`

	AnswerWithinMS   int64 `json:"answer_within_ms,omitempty"`   // a guest that answers the node nothing for so long is ended; 0 = never
	HelloWithinMS    int64 `json:"hello_within_ms,omitempty"`    // for the guest to boot; 0 = 30 s
	ShutdownWithinMS int64 `json:"shutdown_within_ms,omitempty"` // for a clean end; 0 = 10 s
	RefuseAfterMS    int64 `json:"refuse_after_ms,omitempty"`    // how long a thread may wait for memory; 0 = for ever
}

// Memory bounds a guest's memory, in bytes, multiples of 4 MiB.
type Memory struct {
	Min int64 `json:"min,omitempty"` // present at boot and guaranteed; 0 = 64 MiB, or what the image needs
	Max int64 `json:"max,omitempty"` // never more; 0 = what the host may give
}

// CPU bounds a guest's vCPUs, in thousandths.
type CPU struct {
	MinMilli int64 `json:"min_milli,omitempty"` // guaranteed; 0 = 1000
	MaxMilli int64 `json:"max_milli,omitempty"` // never more; 0 = what the host may give
}

// Port makes a port of the guest reachable on the host.
type Port struct {
	HostIP    string `json:"host_ip,omitempty"`   // IPv4; "" = 127.0.0.1
	HostPort  int    `json:"host_port,omitempty"` // 0 = a free one
	GuestPort int    `json:"guest_port"`
	Proto     string `json:"proto,omitempty"` // "tcp" (= "") or "udp"
}

// Restart says when a guest that has ended is started again.
type Restart string

// The restart policies. A guest that was stopped or killed through the API stays ended under each.
const (
	RestartNever     Restart = "never"
	RestartOnFailure Restart = "on-failure" // its exit code was not 0, or it never came up
	RestartAlways    Restart = "always"
)

// Change is what becomes of a running guest's bounds; what is nil stays. Its maxima are at most those it was started with.
type Change struct {
	MemoryMin *int64  `json:"memory_min,omitempty"` // bytes
	MemoryMax *int64  `json:"memory_max,omitempty"`
	CPUMin    *int64  `json:"cpu_min,omitempty"` // thousandths
	CPUMax    *int64  `json:"cpu_max,omitempty"`
	Weight    *uint32 `json:"weight,omitempty"`
}

// Stop asks a guest to end.
type Stop struct {
	WithinMS int64 `json:"within_ms,omitempty"` // after which it is killed; 0 = its shutdown_within_ms
}

// Profile is a profile of an application, compressed by gzip.
type Profile struct {
	Data []byte `json:"data"` // in base64
}
