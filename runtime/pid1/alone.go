package pid1

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// aloneWord on the kernel's command line says that the machine was not started by silo: nobody is at the other end of the
// port, if there is one. It is a word and no guess, because a host that is late must be waited for.
const aloneWord = "silo.alone"

// commandLine is the kernel's, in words. /proc must be mounted.
func commandLine() ([]string, error) {
	b, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, fmt.Errorf("read kernel command line: %w", err)
	}
	return strings.Fields(string(b)), nil
}

// standIn answers a guest's calls where there is no host: memory and vCPUs are what the machine has, and output goes to the
// console. Nothing is ever taken back, so it needs no state but the number of its last grant. It is called by one
// goroutine.
type standIn struct {
	memory  uint64 // bytes
	vcpus   int
	network *hvcall.Network // nil = none
	console io.Writer
	grant   func(hvcall.Grant) error // must not wait for the guest
	now     func() time.Time

	serial uint64
}

// handle answers one frame.
func (s *standIn) handle(_ context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		if _, err := hvcall.DecodeHello(f.Payload); err != nil {
			return nil, err
		}
		return s.welcome().Encode(), nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, s.grant(s.answer(d))
	case hvcall.OpLog:
		l, err := hvcall.DecodeLog(f.Payload)
		if err != nil {
			return nil, err
		}
		_, err = s.console.Write(l.Data)
		return nil, err
	case hvcall.OpExit:
		e, err := hvcall.DecodeExit(f.Payload)
		if err != nil {
			return nil, err
		}
		_, err = fmt.Fprintf(s.console, "silo: the application has ended: %s, exit code %d%s\n", e.Cause, e.Code, why(e))
		return nil, err
	case hvcall.OpTime:
		return hvcall.Clock{UnixNanos: uint64(s.now().UnixNano())}.AppendTo(nil), nil
	case hvcall.OpReady, hvcall.OpUsage:
		return nil, nil
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

func (s *standIn) welcome() hvcall.Welcome {
	s.serial++
	milli := uint32(s.vcpus) * 1000
	return hvcall.Welcome{
		Name: "silo", Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog},
		Memory: hvcall.MemoryBounds{Boot: s.memory, Max: s.memory}, CPU: hvcall.CPUBounds{MinMilli: milli, MaxMilli: milli},
		Grant:   hvcall.GrantJSON{Serial: s.serial, Memory: s.memory, MilliCPU: milli},
		Network: s.network,
	}
}

// why is what there is to say beyond the cause and the code of an end.
func why(e hvcall.Exit) string {
	if e.Text == "" || e.Cause == hvcall.CauseExit {
		return ""
	}
	return ": " + e.Text
}

// answer grants all there is.
func (s *standIn) answer(d hvcall.Demand) hvcall.Grant {
	s.serial++
	g := hvcall.Grant{Serial: s.serial, Revision: d.Revision, Memory: s.memory, MilliCPU: uint32(s.vcpus) * 1000}
	if d.Memory > g.Memory || d.MilliCPU > g.MilliCPU {
		g.Limit = hvcall.LimitMaximum
	}
	return g
}

// standInHost starts a standIn and returns the guest's end of the conversation with it. words are the kernel's command line.
func standInHost(words []string) (io.ReadWriteCloser, error) {
	network, err := staticNetwork(words)
	if err != nil {
		return nil, err
	}
	m, err := readMemory()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile("/sys/devices/system/cpu/present")
	if err != nil {
		return nil, fmt.Errorf("count processors: %w", err)
	}
	n, err := countPresent(string(b))
	if err != nil {
		return nil, err
	}
	guest, host := hvcall.Pipe()
	conn := hvcall.NewConn(host, hvcall.Config{})
	s := &standIn{memory: uint64(m.total), vcpus: n, network: network, console: os.Stdout, grant: newestGrant(conn), now: time.Now}
	go func() {
		if err := conn.Serve(context.Background(), s.handle); err != nil {
			fmt.Fprintln(os.Stdout, "silo: PID 1 speaks with itself no more:", err)
		}
	}()
	return guest, nil
}

// newestGrant returns what sends the newest grant without waiting for the guest to read: it may be waiting for us.
func newestGrant(conn *hvcall.Conn) func(hvcall.Grant) error {
	next := make(chan hvcall.Grant, 1)
	go func() {
		for g := range next {
			if conn.SendGrant(g) != nil {
				return // Serve tells why the conversation ended
			}
		}
	}()
	return func(g hvcall.Grant) error {
		select {
		case <-next:
		default:
		}
		next <- g // only the handler fills it
		return nil
	}
}

// countPresent reads the kernel's list of processors, which is one range from 0 on.
func countPresent(list string) (int, error) {
	list = strings.TrimSpace(list)
	_, last, ok := strings.Cut(list, "-")
	if !ok {
		last = list
	}
	n, err := strconv.Atoi(last)
	if err != nil || n < 0 || ok != strings.HasPrefix(list, "0-") {
		return 0, fmt.Errorf("count processors: %q is no range from 0", list)
	}
	return n + 1, nil
}
