package vmm_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/qmp/qmptest"
	"golang.org/x/sys/unix"
)

// fakePrefix begins the names under which this test binary is a QEMU that speaks its
// protocol and misbehaves as the rest of the name says, once the guest is to run.
const fakePrefix = "fakeqemu-"

// misbehaviours are what no healthy QEMU can be made to do.
var misbehaviours = map[string]struct {
	act    func(*qmptest.Server)
	cause  vmm.Cause
	detail string
}{
	"stops for good": {func(s *qmptest.Server) {
		s.Handle("query-status", func(json.RawMessage) (any, error) {
			return map[string]string{"status": "internal-error"}, nil
		})
		s.Emit("STOP", nil)
	}, vmm.CauseHung, "run state internal-error"},
	"talks garbage": {func(s *qmptest.Server) { s.Raw("\x00garbage\n") }, vmm.CauseMonitorLost, "not a QMP message"},
	"hangs up":      {(*qmptest.Server).Close, vmm.CauseMonitorLost, "EOF"},
	"exits":         {func(*qmptest.Server) { os.Exit(7) }, vmm.CauseCrashed, "exit status 7"},
	"floods": {func(s *qmptest.Server) {
		for range 20_000 {
			s.Emit("RTC_CHANGE", map[string]string{"fill": strings.Repeat("x", 500)})
		}
		s.Emit("SHUTDOWN", map[string]any{"guest": true, "reason": "guest-shutdown"})
		os.Exit(0)
	}, vmm.CauseGuestShutdown, ""},
}

// beQEMU plays QEMU, if that is this program's name, and does not return then.
func beQEMU() {
	behaviour, fake := strings.CutPrefix(filepath.Base(os.Args[0]), fakePrefix)
	if !fake {
		return
	}
	if _, err := unix.MemfdCreate("memory-backend-memfd", 0); err != nil {
		panic(err)
	}
	inherited := os.NewFile(3, "qmp")
	conn, err := net.FileConn(inherited) // a duplicate
	if err != nil {
		panic(err)
	}
	inherited.Close()
	server := qmptest.Silent(conn)
	server.Handle("cont", func(json.RawMessage) (any, error) {
		time.AfterFunc(10*time.Millisecond, func() { misbehaviours[behaviour].act(server) })
		return nil, nil
	})
	server.Raw(qmptest.Greeting + "\n")
	time.Sleep(time.Minute) // somebody will have ended it by then
	os.Exit(1)
}

func TestQEMUMisbehaves(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range misbehaviours {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := unbootable(t)
			cfg.MaxMemory = cfg.BootMemory
			cfg.Binary = filepath.Join(t.TempDir(), fakePrefix+name)
			if err := os.Symlink(self, cfg.Binary); err != nil {
				t.Fatal(err)
			}
			exit := ended(t, start(t, cfg))
			if exit.Cause != tt.cause || !strings.Contains(exit.Detail, tt.detail) {
				t.Errorf("exit = %v, want %q with %q", exit, tt.cause, tt.detail)
			}
		})
	}
}
