package vmm

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"

	"github.com/silo-os/silo/host/bridge"
)

// ConfigError lists everything that is wrong with a Config.
type ConfigError struct {
	Problems []Problem
}

// Problem is one thing wrong with one field.
type Problem struct {
	Field string // name of the field, for example "Forwards[1].HostPort"
	Cause string
	Fix   string
}

// String implements fmt.Stringer.
func (p Problem) String() string { return p.Field + ": " + p.Cause + ": " + p.Fix }

// Error implements error.
func (e *ConfigError) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.String()
	}
	return "configure vm: " + strings.Join(parts, "; ")
}

// Validate returns nil or a *ConfigError. It looks at the values only, not at the machine.
func (c Config) Validate() error {
	v := &validation{}
	v.memory(c)
	v.boot(c)
	v.machine(c)
	v.network(c)
	v.disks(c)
	if len(v.problems) > 0 {
		return &ConfigError{Problems: v.problems}
	}
	return nil
}

type validation struct{ problems []Problem }

func (v *validation) add(field, fix, cause string, args ...any) {
	v.problems = append(v.problems, Problem{Field: field, Cause: fmt.Sprintf(cause, args...), Fix: fix})
}

func (v *validation) memory(c Config) {
	size := func(field string, n int64) bool {
		switch {
		case n <= 0:
			v.add(field, "give a size such as 64 MiB", "%d bytes", n)
		case n%BlockSize != 0:
			down := n / BlockSize * BlockSize
			v.add(field, "use "+human(down)+" or "+human(down+BlockSize), "%d bytes is not a multiple of %s", n, human(BlockSize))
		case n > maxMemory:
			v.add(field, "use at most "+human(maxMemory), "%s is more than a guest can address", human(n))
		default:
			return true
		}
		return false
	}
	boot, most := size("BootMemory", c.BootMemory), size("MaxMemory", c.MaxMemory)
	if boot && most && c.MaxMemory < c.BootMemory {
		v.add("MaxMemory", "raise the maximum or lower the boot memory",
			"%s is below the boot memory of %s", human(c.MaxMemory), human(c.BootMemory))
	}
}

// maxMemory is what the emulated processor's 40 address bits leave beside the hole below
// 4 GiB and alignment.
const maxMemory = 1000 << 30

func human(n int64) string { return humanize.IBytes(uint64(n)) }

func (v *validation) boot(c Config) {
	if c.Kernel == "" && !c.Incoming {
		v.add("Kernel", "give the path of a kernel image", "no path")
	}
	for i, word := range c.Cmdline {
		bad := strings.IndexFunc(word, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
		if word == "" || bad >= 0 {
			v.add(fmt.Sprintf("Cmdline[%d]", i), "pass such values through the boot configuration instead",
				"%q is not one printable word", word)
		}
	}
	if n := len(c.kernelCmdline()); n > maxCmdline {
		v.add("Cmdline", "pass long values through the boot configuration instead",
			"kernel command line of %d bytes, the kernel reads %d", n, maxCmdline)
	}
}

func (v *validation) machine(c Config) {
	if c.VCPUs < 1 || c.VCPUs > MaxVCPUs {
		v.add("VCPUs", fmt.Sprintf("use 1 to %d", MaxVCPUs), "%d", c.VCPUs)
	}
	if c.Accel != "" && !validAccel(c.Accel) {
		v.add("Accel", `use "tcg", "kvm" or leave it empty`, "%q is not an accelerator", c.Accel)
	}
	if c.Detached != nil {
		v.detached(c)
	}
	if strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		v.add("Name", "use printable characters", "%q has control characters", c.Name)
	}
}

func (v *validation) detached(c Config) {
	if !filepath.IsAbs(c.Detached.Dir) {
		v.add("Detached.Dir", "give an absolute path", "%q is not one", c.Detached.Dir)
	}
	if _, err := uuid.Parse(c.Detached.UUID); err != nil || strings.ToLower(c.Detached.UUID) != c.Detached.UUID || len(c.Detached.UUID) != 36 {
		v.add("Detached.UUID", "give a new one in lower case", "%q is not a UUID", c.Detached.UUID)
	}
	if c.Console != nil {
		v.add("Console", "leave it out: the console of a detached machine is a file", "set")
	}
}

func validAccel(s string) bool { return s == AccelTCG || s == AccelKVM }

func (v *validation) network(c Config) {
	if c.Bridge != nil {
		v.bridge(c)
		return
	}
	switch c.Network {
	case NetworkUser, NetworkRestricted:
	case NetworkNone:
		if len(c.Forwards) > 0 {
			v.add("Forwards", "leave the forwards out or use another network", "the guest has no network")
		}
	default:
		v.add("Network", `use "", "restricted" or "none"`, "%q is not a kind of network", string(c.Network))
	}
	seen := make(map[string]int)
	for i, f := range c.Forwards {
		f = f.withDefaults()
		v.forward(fmt.Sprintf("Forwards[%d]", i), f)
		key := f.Proto + " " + f.HostAddr()
		if first, dup := seen[key]; dup && f.HostPort != 0 {
			v.add(fmt.Sprintf("Forwards[%d].HostPort", i), "choose another host port with -p HOST:GUEST",
				"%s is forwarded already by Forwards[%d]", key, first)
		}
		seen[key] = i
	}
}

func (v *validation) bridge(c Config) {
	var bad *bridge.ValueError
	if errors.As(c.Bridge.Check(), &bad) {
		v.add("Bridge."+bad.Field, bad.Fix, "%s", bad.Cause)
	}
	if c.Network != NetworkUser {
		v.add("Network", "leave it or Bridge out", "%q beside a bridge: a guest has one network", string(c.Network))
	}
	if len(c.Forwards) > 0 {
		v.add("Forwards", "leave the forwards out", "a guest on a bridge is reached at its own address, at all its ports")
	}
}

func (v *validation) forward(field string, f Forward) {
	if ip, err := netip.ParseAddr(f.HostIP); err != nil || !ip.Is4() {
		v.add(field+".HostIP", "use an IPv4 address such as 127.0.0.1 or 0.0.0.0", "%q is not an IPv4 address", f.HostIP)
	}
	if f.HostPort < 0 || f.HostPort > 65535 {
		v.add(field+".HostPort", "use 1 to 65535, or 0 for a free port", "%d is out of range", f.HostPort)
	}
	if f.GuestPort < 1 || f.GuestPort > 65535 {
		v.add(field+".GuestPort", "use 1 to 65535", "%d is out of range", f.GuestPort)
	}
	if f.Proto != "tcp" && f.Proto != "udp" {
		v.add(field+".Proto", `use "tcp" or "udp"`, "%q is not a protocol", f.Proto)
	}
}
