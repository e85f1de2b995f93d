package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
)

func cpuOf(pid int) (t float64) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	var u, s float64
	fmt.Sscan(f[11], &u)
	fmt.Sscan(f[12], &s)
	return (u + s) / 100
}

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	ctx := context.Background()
	s, err := prepareGuests(ctx, Config{Dir: "../..", Out: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(node.Config{Capacity: broker.Capacity{Memory: hostilePool, MilliCPU: 2000}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var stores []*kvGuest
	for i := range poolGuests {
		g, err := s.startKV(ctx, n, fmt.Sprint("kv-", i), victimCPU)
		if err == nil {
			err = g.store(ctx, 0, hostileKeys)
		}
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, g)
	}
	report := func(f func() (float64, error), extra *node.Guest) {
		pids := []int{os.Getpid()}
		for _, g := range stores {
			pids = append(pids, g.PID())
		}
		if extra != nil {
			pids = append(pids, extra.PID())
		}
		before := make([]float64, len(pids))
		for i, p := range pids {
			before[i] = cpuOf(p)
		}
		start := time.Now()
		r, err := f()
		took := time.Since(start).Seconds()
		line := fmt.Sprintf("%.0f req/s err %v; cpu self,kv..,hostile:", r, err)
		for i, p := range pids {
			line += fmt.Sprintf(" %.2f", (cpuOf(p)-before[i])/took)
		}
		fmt.Println(line)
		for _, g := range n.State().Guests {
			fmt.Printf("   %s granted %d upper %v load %+v demand cpu %d mem %d\n", g.ID, g.CPU.Granted, g.CPU.Upper(), g.CPU.Load, g.Demand.MilliCPU, g.Memory.Upper>>20)
		}
	}
	for range 2 {
		report(func() (float64, error) { return busy(ctx, stores) }, nil)
		report(func() (float64, error) { return busy(ctx, stores) }, nil)
		said := &kvGuest{}
		h, err := n.Start(ctx, node.GuestSpec{
			Name: "hostile", Kernel: s.kv.KernelPath(), Initramfs: s.hostile,
			Memory: node.Memory{Min: kvLeast, Max: kvMost}, CPU: hostileCPU, Weight: hostileWeight, Stdout: said, Console: said,
		})
		if err != nil {
			t.Fatal(err)
		}
		<-h.Ready()
		time.Sleep(hostileSettles)
		report(func() (float64, error) { return busy(ctx, stores) }, h)
		out, _ := exec.Command("ps", "-L", "-o", "comm,time,pcpu", "-p", fmt.Sprint(h.PID())).CombinedOutput()
		fmt.Println(string(out))
		out, _ = exec.Command("sh", "-c", fmt.Sprintf("cat /proc/%d/cgroup | grep cpu; for t in /proc/%d/task/*; do cat $t/cgroup | grep cpu, ; done | sort | uniq -c; d=$(find /sys/fs/cgroup -maxdepth 4 -name 'silo-%d-*' -type d | head -3); for x in $d; do ls $x; cat $x/cpu.shares $x/cpu.cfs_quota_us $x/cpu.stat; cat $x/vcpus/cpu.shares $x/vcpus/cpu.cfs_quota_us; done", h.PID(), h.PID(), h.PID())).CombinedOutput()
		fmt.Println(string(out))
		h.Kill()
		<-h.Done()
		time.Sleep(hostileSettles)
	}
}
