package vmm

import (
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/silo-os/silo/host/bridge"
)

// MaxVCPUs is the most processors a guest may have.
const MaxVCPUs = 64

// Values of Config.Accel.
const (
	AccelTCG = "tcg" // software emulation: works everywhere, slow
	AccelKVM = "kvm" // hardware virtualisation
)

// Network says what a guest can reach.
type Network string

// Values of Config.Network.
const (
	// NetworkUser is user-mode networking: the guest reaches what QEMU's user can reach,
	// the host's own loopback services included (as 10.0.2.2), and is reached by Forwards.
	NetworkUser Network = ""
	// NetworkRestricted lets nothing out but answers on Forwards.
	NetworkRestricted Network = "restricted"
	// NetworkNone leaves the network device out.
	NetworkNone Network = "none"
)

// Config describes one virtual machine. Kernel, BootMemory, MaxMemory and VCPUs must be
// given; everywhere else the zero value is right.
type Config struct {
	Binary string // QEMU; "" = qemu-system-x86_64 from PATH
	Accel  string // AccelTCG or AccelKVM; "" = what ProbeAccel finds

	Firmware  string   // path or name of it; "" = what Start finds quickest, see resolve
	Kernel    string   // path of an ELF image with a PVH note
	Initramfs string   // path; "" = none
	Cmdline   []string // appended to silo's own kernel command line; no white space within one
	Name      string   // shown by ps and in logs

	BootMemory int64 // bytes present at boot, a multiple of BlockSize
	MaxMemory  int64 // bytes, BootMemory included; equal to BootMemory = no virtio-mem device
	VCPUs      int   // processors present, 1 to MaxVCPUs; only the first is online at boot

	Network  Network
	Forwards []Forward
	// Bridge attaches the guest to a bridge of the host, in place of Network and Forwards, which must be empty then: by a
	// device that goes with QEMU. It takes CAP_NET_ADMIN. nil = Network says.
	Bridge *bridge.Attachment

	Disks  []Disk  // see DiskSerial
	Shares []Share // see ShareTag

	// Console gets the kernel's messages line by line, made safe for a terminal; nil =
	// none. While it blocks, the guest's console does.
	Console io.Writer    `json:"-"`
	Log     *slog.Logger `json:"-"` // nil = silent

	// Detached has the machine outlive this process, to be found again by Attach; nil = it ends with this
	// process, whatever ends that.
	Detached *Detached
	// RunAs is whom QEMU runs as, which takes root; nil = the caller. Kernel and Initramfs are opened
	// before and need not be within that user's reach.
	RunAs *User
	// Confine is called with QEMU's process id before the guest runs, to put it into cgroups; nil = nothing to do.
	// Its error fails the start.
	Confine func(pid int) error `json:"-"`

	// Incoming has the machine boot nothing and wait for a guest of another one (VM.Receive), which was made with the
	// same configuration but for what is its host's own. Kernel and Initramfs may be left out.
	Incoming bool

	StartTimeout time.Duration // until QEMU answers; 0 = DefaultStartTimeout

	// Templates is the folder of saved guests: the machine goes on from one that is like it, where there is
	// one, and can be saved to be one (VM.SaveTemplate) where there is none. "" = it boots. See DefaultTemplates.
	Templates string
}

// User is whom a process runs as.
type User struct {
	UID, GID uint32
	Groups   []uint32 // further ones, such as the one that may use /dev/kvm
}

// DefaultStartTimeout is how long QEMU may take to answer its first command. It answers
// within 0.1 s on an idle machine; the rest is for busy ones.
const DefaultStartTimeout = 30 * time.Second

// Forward makes a port of the guest reachable at an address of the host.
type Forward struct {
	HostIP    string // IPv4; "" = 127.0.0.1, "0.0.0.0" = every address of the host
	HostPort  int    // 1 to 65535; 0 = a free one, see VM.Forwards
	GuestPort int    // 1 to 65535
	Proto     string // "tcp" or "udp"; "" = tcp
}

func (f Forward) withDefaults() Forward {
	if f.HostIP == "" {
		f.HostIP = "127.0.0.1"
	}
	if f.Proto == "" {
		f.Proto = "tcp"
	}
	return f
}

// HostAddr is the address at which the host listens, for example "127.0.0.1:8080".
func (f Forward) HostAddr() string {
	f = f.withDefaults()
	return net.JoinHostPort(f.HostIP, strconv.Itoa(f.HostPort))
}

// String is f in the form of the command line, for example "tcp 127.0.0.1:8080 to guest port 80".
func (f Forward) String() string {
	f = f.withDefaults()
	return f.Proto + " " + f.HostAddr() + " to guest port " + strconv.Itoa(f.GuestPort)
}

// binary is the program to run.
func (c Config) binary() string {
	if c.Binary == "" {
		return "qemu-system-x86_64"
	}
	return c.Binary
}

func (c Config) logger() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func (c Config) startTimeout() time.Duration {
	if c.StartTimeout <= 0 {
		return DefaultStartTimeout
	}
	return c.StartTimeout
}

// elastic is the memory beyond the boot memory, bytes.
func (c Config) elastic() int64 { return c.MaxMemory - c.BootMemory }
