package pid1

import (
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/abi/linux"

	"github.com/silo-os/silo/hvcall"
)

const trace = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1\nexit status 2\n"

const quit = "hello\nSIGQUIT: quit\nPC=0x47e1e1 m=0 sigcode=0\n\ngoroutine 1 [select]:\nmain.main()\n"

func TestClassify(t *testing.T) {
	killed := linux.WaitStatusTerminationSignal(linux.SIGKILL)
	for _, c := range []struct {
		name  string
		end   ending
		cause hvcall.Cause
		code  int
	}{
		{"success", ending{status: linux.WaitStatusExit(0)}, hvcall.CauseExit, 0},
		{"code", ending{status: linux.WaitStatusExit(7)}, hvcall.CauseExit, 7},
		{"panic", ending{status: linux.WaitStatusExit(2), stderr: []byte("hello\n" + trace)}, hvcall.CausePanic, 2},
		{"panic at once", ending{status: linux.WaitStatusExit(2), stderr: []byte(trace)}, hvcall.CausePanic, 2},
		{"fatal error", ending{status: linux.WaitStatusExit(2), stderr: []byte("x\nfatal error: all goroutines are asleep\n\ngoroutine 1 [select]:\n")}, hvcall.CausePanic, 2},
		{"only says panic", ending{status: linux.WaitStatusExit(2), stderr: []byte("panic: is what I print\n")}, hvcall.CauseExit, 2},
		{"usage error", ending{status: linux.WaitStatusExit(2), stderr: []byte("flag provided but not defined\n")}, hvcall.CauseExit, 2},
		{"signal", ending{status: linux.WaitStatusTerminationSignal(linux.SIGSEGV)}, hvcall.CauseSignal, 139},
		{"out of memory", ending{status: killed, oomKills: 1}, hvcall.CauseMemory, 137},
		{"killed by somebody", ending{status: killed}, hvcall.CauseSignal, 137},
		{"refused", ending{status: killed, refused: true, oomKills: 1}, hvcall.CauseRefused, 137},
		{"shutdown", ending{status: linux.WaitStatusTerminationSignal(linux.SIGTERM), shutdown: true}, hvcall.CauseShutdown, 143},
		{"hung, and says why", ending{status: linux.WaitStatusExit(2), hung: "no answer", stderr: []byte(quit)}, hvcall.CauseHung, 2},
		{"hung, and silent", ending{status: killed, hung: "no answer"}, hvcall.CauseHung, 137},
		{"panic with a crash", ending{status: linux.WaitStatusTerminationSignal(linux.SIGABRT), stderr: []byte(trace)}, hvcall.CausePanic, 134},
		{"asked for its stacks, with a crash", ending{status: linux.WaitStatusTerminationSignal(linux.SIGABRT), stderr: []byte(quit)}, hvcall.CauseSignal, 134},
		{"abort", ending{status: linux.WaitStatusTerminationSignal(linux.SIGABRT)}, hvcall.CauseSignal, 134},
		{"asked for its stacks", ending{status: linux.WaitStatusExit(2), stderr: []byte(quit)}, hvcall.CauseSignal, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := classify(c.end)
			if x.Cause != c.cause || x.Code != c.code {
				t.Errorf("got %s %d, want %s %d", x.Cause, x.Code, c.cause, c.code)
			}
			if strings.Contains(string(c.end.stderr), "\ngoroutine 1") != strings.Contains(x.Trace, "goroutine 1") {
				t.Errorf("trace %q", x.Trace)
			}
			if _, err := hvcall.DecodeExit(x.Encode()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var tl tail
	for range 5 {
		tl.add([]byte(strings.Repeat("x", tailMost)))
	}
	tl.add([]byte(trace))
	got := tl.bytes()
	if len(got) > tailMost || !strings.HasSuffix(string(got), trace) {
		t.Errorf("%d bytes, ending %q", len(got), got[max(0, len(got)-40):])
	}
}
