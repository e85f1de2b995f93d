// Command hostileload is the first process of a guest that does its host and its neighbours all the harm it can think of. It floods
// the host with calls and garbage, states that it needs everything and that its threads wait for it, says that it uses
// all, never gives anything back, and forks until its cgroup is full, with children that spin. With arguments it does only some of
// that: flood, garbage, lies, forks.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

func main() {
	if len(os.Args) > 1 {
		child(os.Args[1])
	}
	for _, m := range [][3]string{
		{"devtmpfs", "/dev", ""}, {"proc", "/proc", ""}, {"sysfs", "/sys", ""},
		{"tmpfs", "/sys/fs/cgroup", ""}, {"cgroup", "/sys/fs/cgroup/memory", "memory"},
	} {
		must(os.MkdirAll(m[1], 0o755))
		must(unix.Mount(m[0], m[1], m[0], 0, m[2]))
	}
	port, err := hvcall.OpenPort(context.Background(), "/sys", "/dev")
	must(err)
	conn := hvcall.NewConn(port, hvcall.Config{})
	go conn.Serve(context.Background(), func(context.Context, hvcall.Frame) ([]byte, error) { return nil, nil })
	w, err := conn.SayHello(context.Background(), hvcall.Hello{Role: hvcall.RolePID1, Build: "hostile", NumCPU: 2})
	must(err)
	must(conn.SendReady())
	does := func(deed string) bool { return len(w.Args) == 0 || slices.Contains(w.Args, deed) }
	if does("forks") {
		go fork()
	}
	for n := uint64(1); ; n++ {
		state(conn, w, n, does)
		if !does("flood") {
			time.Sleep(pause)
		}
	}
}

// pause is between two statements of a guest that does not flood.
const pause = 250 * time.Millisecond

func must(err error) {
	if err != nil {
		fmt.Println("hostile:", err)
		time.Sleep(time.Second) // for the line to be seen
		os.Exit(1)
	}
}

// state lies and sends garbage. The headers are right: a wrong one would be the end of it.
func state(conn *hvcall.Conn, w hvcall.Welcome, n uint64, does func(string) bool) {
	d := hvcall.Demand{Revision: n, Memory: w.Memory.Max - n%2<<22, MilliCPU: w.CPU.MaxMilli, Urgency: hvcall.UrgencyAhead}
	u := hvcall.Usage{}
	if does("lies") {
		d.Floor, d.MilliCPUFloor, d.Urgency, d.Reason = d.Memory, d.MilliCPU, hvcall.UrgencyStalled, hvcall.ReasonGate
		u = hvcall.Usage{Applied: rand.Uint64(), Total: w.Memory.Max, Application: w.Memory.Max, Runnable: 1000}
	}
	must(conn.SendDemand(d))
	if does("garbage") {
		must(conn.Send(hvcall.Op(1+rand.IntN(30)), garbage()))
	}
	must(conn.SendUsage(u))
	if n%16 == 0 {
		must(conn.SendLog(hvcall.StreamOut, garbage()))
	}
}

func garbage() []byte {
	b := make([]byte, rand.IntN(200))
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

const group = "/sys/fs/cgroup/memory/children"

// fork brings every vCPU online and makes children until the cgroup is full, and again whenever there is more memory.
func fork() {
	must(os.MkdirAll(group, 0o755))
	self, err := os.Executable()
	must(err)
	for alive := make(chan struct{}, mostChildren); ; {
		// Refused until the host plugged in what it takes: then the next time.
		_ = os.WriteFile("/sys/devices/system/cpu/cpu1/online", []byte("1"), 0)
		var info unix.Sysinfo_t
		must(unix.Sysinfo(&info))
		limit := strconv.FormatUint(info.Totalram*uint64(info.Unit)*3/4, 10)
		must(os.WriteFile(group+"/memory.limit_in_bytes", []byte(limit), 0))
		alive <- struct{}{}
		cmd := exec.Command(self, group)
		if err := cmd.Start(); err != nil { // no memory for one more
			<-alive
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go func() {
			_ = cmd.Wait() // killed when the cgroup is full
			time.Sleep(100 * time.Millisecond)
			<-alive
		}()
	}
}

const (
	mostChildren = 64
	childMemory  = 16 << 20
)

// child joins the cgroup, touches its part and spins.
func child(group string) {
	must(os.WriteFile(group+"/tasks", []byte(strconv.Itoa(os.Getpid())), 0))
	memory := make([]byte, childMemory)
	for i := 0; ; i = (i + 4096) % len(memory) {
		memory[i]++
	}
}
