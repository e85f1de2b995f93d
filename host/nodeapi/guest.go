package nodeapi

import (
	"encoding/json"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// State is how far a guest has come.
type State string

// The states of a guest.
const (
	StateStarting State = "starting" // waits for room, or boots
	StateRunning  State = "running"  // its machine runs
	StateBackoff  State = "backoff"  // ended, and will be started again
	StateEnded    State = "ended"
	StateArriving State = "arriving" // room is reserved for it; it runs on another host
	StateMoved    State = "moved"    // it runs on another host, see MovedTo
)

// Guest is how a guest stands.
type Guest struct {
	Name     string       `json:"name"`
	State    State        `json:"state"`
	Spec     Spec         `json:"spec"`
	PID      int          `json:"pid,omitempty"`   // of its QEMU
	Ports    []Port       `json:"ports,omitempty"` // with the chosen ones in place of 0
	Created  time.Time    `json:"created"`
	Started  time.Time    `json:"started,omitzero"` // of the machine that runs, or ran last
	Ended    time.Time    `json:"ended,omitzero"`
	Exit     *hvcall.Exit `json:"exit,omitempty"` // how it ended last
	Restarts int          `json:"restarts"`
	Next     time.Time    `json:"next,omitzero"` // in state backoff: when it is started again
	Said     bool         `json:"said"`          // PID 1 speaks with this node
	Ready    bool         `json:"ready"`         // the application said that it serves
	Usage    *Usage       `json:"usage,omitempty"`
	MovedTo  string       `json:"moved_to,omitempty"` // in state moved: the peer
	Move     *Move        `json:"move,omitempty"`     // while it is being moved away, and of the last time
}

// Usage is what a guest holds and does. Sizes are bytes and count boot memory, vCPUs are thousandths.
type Usage struct {
	MemoryWanted   int64 `json:"memory_wanted"`
	MemoryGranted  int64 `json:"memory_granted"`
	MemoryPlugged  int64 `json:"memory_plugged"`
	MemoryResident int64 `json:"memory_resident"` // exists on the host, as measured there; -1 = could not be measured
	CPUWanted      int64 `json:"cpu_wanted"`
	CPUGranted     int64 `json:"cpu_granted"`
	CPUUsed        int64 `json:"cpu_used"`
	Stalls         int64 `json:"stalls"` // times a thread waited for memory, as the guest says
}

// LogRecord is something that the guest wrote.
type LogRecord struct {
	Seq    int64     `json:"seq"` // grows within a guest's log
	Time   time.Time `json:"time"`
	Stream string    `json:"stream"` // "out", "err" or "init" (PID 1's own log)
	Data   []byte    `json:"data"`   // as written, in base64
}

// LogQuery says which records are wanted.
type LogQuery struct {
	Follow bool  // go on until the guest has ended and all is read
	After  int64 // only records with a larger Seq
}

// Info says who answers.
type Info struct {
	Name     string `json:"name"`    // of the host, as its peers know it
	Version  string `json:"version"` // of the API
	Build    string `json:"build"`   // of silo
	PID      int    `json:"pid"`
	Memory   int64  `json:"memory"`    // bytes that guests may have altogether
	MilliCPU int64  `json:"milli_cpu"` // thousandths
	Guests   int    `json:"guests"`

	FreeMemory   int64 `json:"free_memory"` // bytes to spare
	FreeMilliCPU int64 `json:"free_milli_cpu"`
}

// Dump is all that the broker knows; docs/API.md does not describe it further, and it changes with the broker.
type Dump = json.RawMessage
