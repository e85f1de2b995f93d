package daemon

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// goodName is what may name a guest: it becomes a folder, a cgroup and a host name.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// What a request may hold. Together they fit a frame of the call interface, in which the guest is told.
const (
	mostArgs  = 1024
	mostBytes = 256 << 10 // of arguments and environment together
	mostPorts = 64
	mostTime  = 7 * 24 * time.Hour
)

// check refuses what makes no sense before anything is stored. What only the machine or the host can judge, they
// judge later.
func check(s nodeapi.Spec) error {
	for _, look := range []func(nodeapi.Spec) error{checkPaths, checkArgs, checkBounds, checkTimes, checkKinds, checkBridge} {
		if err := look(s); err != nil {
			return err
		}
	}
	return nil
}

// wrong is the refusal of a spec for one field of it.
func wrong(field, why string, args ...any) error {
	return nodeapi.Refuse(nodeapi.CodeInvalid, "%s: %s", field, fmt.Sprintf(why, args...))
}

func checkPaths(s nodeapi.Spec) error {
	if s.Name != "" && !goodName.MatchString(s.Name) {
		return wrong("name", "%q is not a name: use up to 63 letters, digits, dots, dashes and underscores, the first a letter or digit", s.Name)
	}
	for _, f := range []struct{ field, path string }{{"kernel", s.Kernel}, {"initramfs", s.Initramfs}} {
		if !filepath.IsAbs(f.path) {
			return wrong(f.field, "%q is not an absolute path", f.path)
		}
	}
	return nil
}

func checkArgs(s nodeapi.Spec) error {
	size := 0
	for i, a := range s.Args {
		if strings.ContainsRune(a, 0) {
			return wrong(fmt.Sprintf("args[%d]", i), "it has a NUL in it")
		}
		size += len(a)
	}
	for _, e := range s.Env {
		size += len(e)
	}
	if len(s.Args) > mostArgs || len(s.Env) > mostArgs || size > mostBytes {
		return wrong("args", "arguments and environment are more than %d, or %d bytes", mostArgs, mostBytes)
	}
	return nil
}

func checkBounds(s nodeapi.Spec) error {
	switch {
	case len(s.Ports) > mostPorts:
		return wrong("ports", "more than %d", mostPorts)
	case s.CPU.MinMilli < 0 || s.CPU.MaxMilli < 0 || s.CPU.MinMilli > vmm.MaxVCPUs*1000 || s.CPU.MaxMilli > vmm.MaxVCPUs*1000:
		return wrong("cpu", "use 1 to %d thousandths", vmm.MaxVCPUs*1000)
	case s.Memory.Min < 0 || s.Memory.Max < 0:
		return wrong("memory", "less than nothing")
	}
	return nil
}

func checkTimes(s nodeapi.Spec) error {
	for _, t := range []struct {
		field string
		ms    int64
	}{{"hello_within_ms", s.HelloWithinMS}, {"shutdown_within_ms", s.ShutdownWithinMS}, {"refuse_after_ms", s.RefuseAfterMS}, {"watchdog_ms", s.WatchdogMS}, {"answer_within_ms", s.AnswerWithinMS}} {
		if t.ms < 0 || t.ms > mostTime.Milliseconds() {
			return wrong(t.field, "use 0 to %d", mostTime.Milliseconds())
		}
	}
	return nil
}

func checkKinds(s nodeapi.Spec) error {
	if s.Cores != "" && !filepath.IsAbs(s.Cores) {
		return wrong("cores", "%q is not an absolute path", s.Cores)
	}
	switch s.Restart {
	case "", nodeapi.RestartNever, nodeapi.RestartOnFailure, nodeapi.RestartAlways:
	default:
		return wrong("restart", "%q is not a policy: use never, on-failure or always", s.Restart)
	}
	switch s.Network {
	case "", "user", "restricted", "none":
	default:
		return wrong("network", "%q is not a kind of network: use user, restricted or none", s.Network)
	}
	return nil
}

// fill puts what the host has where a bound was left open.
func fill(s nodeapi.Spec, c broker.Capacity) nodeapi.Spec {
	if s.Memory.Min == 0 {
		s.Memory.Min = max(64<<20, node.LeastMemory(s.Initramfs))
	}
	if s.Memory.Max == 0 {
		s.Memory.Max = max(s.Memory.Min, (c.Memory-c.Slush)/vmm.BlockSize*vmm.BlockSize)
	}
	if s.CPU.MinMilli == 0 {
		s.CPU.MinMilli = 1000
	}
	if s.CPU.MaxMilli == 0 {
		s.CPU.MaxMilli = max(s.CPU.MinMilli, min(c.MilliCPU, vmm.MaxVCPUs*1000))
	}
	if s.Restart == "" {
		s.Restart = nodeapi.RestartNever
	}
	if s.Bridge != nil {
		chosen := *s.Bridge
		chosen.MAC = chosen.HardwareAddr()
		s.Bridge = &chosen
	}
	return s
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// guestSpec is a spec in the node's words.
func guestSpec(s nodeapi.Spec) node.GuestSpec {
	n := node.GuestSpec{
		Name: s.Name, Kernel: s.Kernel, Initramfs: s.Initramfs, Args: s.Args, Env: s.Env,
		Memory: node.Memory{Min: s.Memory.Min, Max: s.Memory.Max},
		CPU:    node.CPU{MinMilli: uint32(s.CPU.MinMilli), MaxMilli: uint32(s.CPU.MaxMilli)},
		Weight: s.Weight, Ports: forwards(s.Ports), Volumes: mounts(s.Volumes), Bridge: s.Bridge,
		HelloDeadline: milliseconds(s.HelloWithinMS), ShutdownWithin: milliseconds(s.ShutdownWithinMS), RefuseAfter: milliseconds(s.RefuseAfterMS),
	}
	n.Stays = restarts(s)
	n.Dir, n.DNS, n.Readiness, n.Liveness, n.Watchdog = s.Dir, s.DNS, s.Readiness, s.Liveness, milliseconds(s.WatchdogMS)
	n.AnswerWithin = milliseconds(s.AnswerWithinMS)
	n.Cores = s.Cores
	if s.Network != "user" {
		n.Network = vmm.Network(s.Network)
	}
	return n
}

// restarts reports whether the guest is started again when it ends, which takes its image.
func restarts(s nodeapi.Spec) bool { return s.Restart != nodeapi.RestartNever && s.Restart != "" }

func forwards(ports []nodeapi.Port) (fs []vmm.Forward) {
	for _, p := range ports {
		fs = append(fs, vmm.Forward(p))
	}
	return fs
}

func portsOf(fs []vmm.Forward) (ports []nodeapi.Port) {
	for _, f := range fs {
		ports = append(ports, nodeapi.Port(f))
	}
	return ports
}

// withoutSecrets leaves of the environment its names.
func withoutSecrets(s nodeapi.Spec) nodeapi.Spec {
	env := make([]string, len(s.Env))
	for i, e := range s.Env {
		env[i], _, _ = strings.Cut(e, "=")
	}
	s.Env = env
	return s
}
