package vmm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"golang.org/x/sys/unix"
)

// orphanEnv holds the configuration of the machine that a run of this test binary is to
// start instead of its tests.
const orphanEnv = "VMM_TEST_ORPHAN"

// startAndWait starts a machine, tells QEMU's process id and waits to be killed.
func startAndWait() {
	var cfg vmm.Config
	if err := json.Unmarshal([]byte(os.Getenv(orphanEnv)), &cfg); err != nil {
		panic(err)
	}
	vm, err := vmm.Start(context.Background(), cfg)
	if err != nil {
		panic(err)
	}
	fmt.Println("qemu", vm.PID())
	select {}
}

// startElsewhere starts a machine in another process, and returns that and the line with which it tells that the machine runs.
func startElsewhere(t *testing.T, cfg vmm.Config) (parent *exec.Cmd, told string) {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	parent = exec.CommandContext(within(t), os.Args[0])
	parent.Env = append(os.Environ(), orphanEnv+"="+string(text))
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if told, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return parent, told
}

// When the process that started a machine is killed, QEMU is gone.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Accel = accel(t)
	parent, line := startElsewhere(t, cfg)
	pid, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "qemu "))
	if err != nil {
		t.Fatal(err)
	}
	qemu, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("qemu is not there before its parent is killed: %v", err)
	}
	defer unix.Close(qemu)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	gone := []unix.PollFd{{Fd: int32(qemu), Events: unix.POLLIN}}
	if n, err := unix.Poll(gone, 20_000); n != 1 || err != nil {
		t.Errorf("qemu (process %d) outlives its parent: %d, %v", pid, n, err)
		_ = unix.PidfdSendSignal(qemu, unix.SIGKILL, nil, 0)
	}
}

func accel(t *testing.T) string {
	t.Helper()
	found, err := vmm.ProbeAccel(within(t), vmm.ProbeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A machine lives on when the thread ends on which Start was called.
func TestStartingThreadEnds(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	var vm *vmm.VM
	var err error
	onEndingThread(t, func() { vm, err = vmm.Start(within(t), cfg) })
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	talk(t, vm).ask("poweroff")
	if exit := ended(t, vm); exit.Cause != vmm.CauseGuestShutdown {
		t.Errorf("exit = %v", exit)
	}
}

// onEndingThread calls f on a thread and returns when that thread has ended.
func onEndingThread(t *testing.T, f func()) {
	t.Helper()
	thread, busy := make(chan int), make(chan struct{})
	defer close(busy)
	var run func()
	run = func() {
		runtime.LockOSThread()            // and not unlocked: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() { // but for the first one, which never ends
			go run()
			<-busy
			runtime.UnlockOSThread()
			return
		}
		f()
		thread <- unix.Gettid()
	}
	go run()
	id := <-thread
	for deadline := time.Now().Add(20 * time.Second); unix.Tgkill(os.Getpid(), id, 0) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the thread does not end")
		}
		time.Sleep(time.Millisecond)
	}
}
