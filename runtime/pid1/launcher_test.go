package pid1

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnOtherThread: whichever thread the runtime picks, f runs on none that owns the process. With the
// test itself locked elsewhere the first thread is free to be picked.
func TestOnOtherThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 200 {
		tid := make(chan int)
		go onOtherThread(func() { tid <- unix.Gettid() })
		if got := <-tid; got == unix.Getpid() {
			t.Fatal("ran on the process's first thread")
		}
	}
}
