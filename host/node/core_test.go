package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/silo-os/silo/hvcall"
)

// fakeCore is a CoreWriter that remembers.
type fakeCore struct {
	data    map[int64]string
	size    int64 // -1 = not finished
	aborted string
	fail    error // of writing
}

func newFakeCore() *fakeCore { return &fakeCore{data: map[int64]string{}, size: -1} }

func (f *fakeCore) WriteAt(b []byte, at int64) (int, error) {
	f.data[at] = string(b)
	return len(b), f.fail
}
func (f *fakeCore) Finish(size int64) error { f.size = size; return nil }
func (f *fakeCore) Abort(why string)        { f.aborted = why }

var crash = hvcall.Core{Phase: hvcall.CoreBegin, Signal: 6}

func fault(t *testing.T, err error, code hvcall.Code, text string) {
	t.Helper()
	var f *hvcall.Fault
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Text, text) {
		t.Errorf("%v, want code %s with %q", err, code, text)
	}
}

// TestCoreOfACrash: it is where the host wants it, and said with how the application ended. There is one for each life.
func TestCoreOfACrash(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		dir := filepath.Join(t.TempDir(), "cores")
		g, vm, guest := r.boot(GuestSpec{Name: "kv", Cores: dir})
		ctx := t.Context()
		if err := guest.SendCore(ctx, 6, hvcall.CorePiece{Offset: 8, Data: []byte("core")}, 100); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "kv.core")
		if b, err := os.ReadFile(path); err != nil || len(b) != 100 || strings.Trim(string(b), "\x00") != "core" {
			t.Errorf("%q, %v", b, err)
		}
		fault(t, guest.Conn().TellCore(ctx, crash), hvcall.CodeOrder, "no core")
		if err := guest.Conn().SendExit(ctx, hvcall.Exit{Cause: hvcall.CausePanic, Code: 134}); err != nil {
			t.Fatal(err)
		}
		powerOff(vm)
		if exit, err := g.Wait(); err != nil || exit.Core != path || exit.CoreLost != "" {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

// TestCoreBreaksOff: nothing is left of it, whoever was the reason, and it is said.
func TestCoreBreaksOff(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		for name, c := range map[string]struct {
			then func(*hvcall.Conn) error
			want string
		}{
			"guest": {func(c *hvcall.Conn) error {
				return c.TellCore(t.Context(), hvcall.Core{Phase: hvcall.CoreBroke, Text: "EPIPE"})
			}, "EPIPE"},
			"silent": {func(*hvcall.Conn) error { return nil }, "ended before it had sent all"},
		} {
			g, vm, guest := r.boot(GuestSpec{Name: name, Cores: dir})
			conn := guest.Conn()
			if err := errors.Join(conn.TellCore(t.Context(), crash), conn.PutCore(t.Context(), hvcall.CorePiece{Data: []byte("x")}), c.then(conn)); err != nil {
				t.Fatal(err)
			}
			powerOff(vm)
			if exit, err := g.Wait(); err != nil || exit.Core != "" || !strings.Contains(exit.CoreLost, c.want) {
				t.Errorf("%s: %+v, %v", name, exit, err)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// TestHostileCore: what a guest may not send of a core.
func TestHostileCore(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		ctx := t.Context()
		_, _, unwanted := r.boot(GuestSpec{})
		fault(t, unwanted.Conn().TellCore(ctx, crash), hvcall.CodeOrder, "no core")
		fault(t, unwanted.Conn().TellCore(ctx, hvcall.Core{Phase: hvcall.CoreBegin}), hvcall.CodeOrder, "no core")
		fault(t, unwanted.Conn().PutCore(ctx, hvcall.CorePiece{Data: []byte("x")}), hvcall.CodeOrder, "no core")
		fault(t, unwanted.Conn().TellCore(ctx, hvcall.Core{Phase: hvcall.CoreEnd}), hvcall.CodeOrder, "no core")

		page := make([]byte, hvcall.MaxCorePiece)
		for name, c := range map[string]struct {
			code hvcall.Code
			text string
			next func(n int) uint64
			most int // pieces that must be enough
		}{
			"backwards": {hvcall.CodeInvalid, "before the end of the last one", func(int) uint64 { return 0 }, 2},
			"large":     {hvcall.CodeInternal, "larger than the guest's memory", func(n int) uint64 { return uint64(n) * hvcall.MaxCorePiece }, 128*mib/hvcall.MaxCorePiece + 1},
		} {
			g, vm, guest := r.boot(GuestSpec{Name: name, Cores: t.TempDir(), Memory: Memory{Max: 64 * mib}})
			to := newFakeCore()
			g.cores.crash = func() (CoreWriter, error) { return to, nil }
			if err := guest.Conn().TellCore(ctx, crash); err != nil {
				t.Fatal(err)
			}
			fault(t, guest.Conn().TellCore(ctx, crash), hvcall.CodeBusy, "already")
			var err error
			n := 0
			for ; err == nil && n <= c.most; n++ {
				err = guest.Conn().PutCore(ctx, hvcall.CorePiece{Offset: c.next(n), Data: page})
			}
			fault(t, err, c.code, c.text)
			if n != c.most || to.aborted == "" || to.size >= 0 {
				t.Errorf("%s: refused at piece %d, want %d; %q", name, n, c.most, to.aborted)
			}
			fault(t, guest.Conn().PutCore(ctx, hvcall.CorePiece{Offset: mib, Data: page}), hvcall.CodeOrder, "no core")
			powerOff(vm)
			g.Wait()
		}
	})
}

// TestCoreOnRequest: who asks has it, one at a time, or hears why not.
func TestCoreOnRequest(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.boot(GuestSpec{})
		to := newFakeCore()
		if err := g.Core(t.Context(), to); err != nil || to.data[hvcall.CoreUnit] != "core" || to.size != 2*hvcall.CoreUnit || to.aborted != "" {
			t.Errorf("%+v, %v", to, err)
		}
		full := newFakeCore()
		full.fail = errors.New("no space left")
		if err := g.Core(t.Context(), full); err == nil || !strings.Contains(err.Error(), "no space left") || full.aborted == "" {
			t.Errorf("%+v, %v", full, err)
		}
		busy := newFakeCore()
		g.cores.ask(newFakeCore())
		fault(t, g.Core(t.Context(), busy), hvcall.CodeBusy, "already")
		if busy.aborted == "" {
			t.Error("it was not told that it has nothing to wait for")
		}
		_ = guest.Close()
		synctest.Wait()
	})
}
