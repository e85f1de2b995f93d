package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// TestLife: a guest is created, shown, listed, changed, stopped and forgotten, all over the API.
func TestLife(t *testing.T) {
	r := newRig(t)
	s := r.spec("kv")
	s.Env = []string{"TOKEN=secret"}
	g := r.create(s)
	if g.State != nodeapi.StateRunning || g.Name != "kv" || len(g.Spec.Env) != 1 || g.Spec.Env[0] != "TOKEN" {
		t.Errorf("%+v", g)
	}
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	ctx := t.Context()
	if info, err := r.client.Info(ctx); err != nil || info.Guests != 1 || info.Memory != 1024*mib || info.Version != "v1" {
		t.Errorf("%+v, %v", info, err)
	}
	weight, most := uint32(300), int64(128*mib)
	if g, err := r.client.Set(ctx, "kv", nodeapi.Change{Weight: &weight, MemoryMax: &most}); err != nil || g.Spec.Weight != 300 || g.Spec.Memory.Max != most || g.Spec.Memory.Min != 64*mib {
		t.Errorf("%+v, %v", g.Spec, err)
	}
	dump, err := r.client.Dump(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var state broker.State
	if err := json.Unmarshal(dump, &state); err != nil || len(state.Guests) != 1 || state.Guests[0].Bounds.Weight != 300 {
		t.Errorf("%s, %v", dump, err)
	}
	refused(t, r.client.Remove(ctx, "kv"), nodeapi.CodeState)
	stopped := make(chan error)
	go func() { _, err := r.client.Stop(ctx, "kv", nodeapi.Stop{WithinMS: 60_000}); stopped <- err }()
	_, guest := r.last()
	for end := time.Now().Add(patience); len(guest.Shutdowns.All()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the guest was not asked")
		}
	}
	r.exit(3)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if exit, err := r.client.Wait(ctx, "kv"); err != nil || exit.Code != 3 {
		t.Errorf("%+v, %v", exit, err)
	}
	if err := r.client.Remove(ctx, "kv"); err != nil {
		t.Error(err)
	}
	if gs, err := r.client.Guests(ctx); err != nil || len(gs) != 0 {
		t.Errorf("%v, %v", gs, err)
	}
	if left, err := os.ReadDir(filepath.Join(r.cfg.Dir, "guests")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func onBridge(address string) *bridge.Attachment {
	return &bridge.Attachment{Bridge: "br0", Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
}

// TestRemoveAsSoonAsItIsToldEnded: who sees that a guest has ended can have it forgotten, though its keeper is not through yet.
func TestRemoveAsSoonAsItIsToldEnded(t *testing.T) {
	r := newRig(t)
	stored, goOn := make(chan struct{}), make(chan struct{})
	wait := func(point string) {
		if point == pointStored {
			close(stored)
			<-goOn
		}
	}
	r.at.Store(&wait)
	r.create(r.spec("kv"))
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	r.exit(0)
	<-stored
	if g := r.until("kv", func(nodeapi.Guest) bool { return true }); g.State != nodeapi.StateEnded {
		t.Fatalf("told as %s", g.State)
	}
	removed := make(chan error, 1)
	go func() { removed <- r.client.Remove(t.Context(), "kv") }()
	select {
	case err := <-removed:
		t.Errorf("removed while its end was being cleared up: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := <-removed; err != nil {
		t.Error(err)
	}
}

// TestRefusals: what cannot be is refused with its kind, and nothing is left of it.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	kv := r.spec("kv")
	kv.Bridge = onBridge("10.0.0.5/24")
	if g := r.create(kv); g.Spec.Bridge.MAC != kv.Bridge.HardwareAddr() {
		t.Errorf("shown on %v", g.Spec.Bridge)
	}
	change := func(f func(*nodeapi.Spec)) nodeapi.Spec {
		s := r.spec("new")
		f(&s)
		return s
	}
	for name, c := range map[string]struct {
		spec nodeapi.Spec
		code nodeapi.Code
		text string
	}{
		"name taken":     {r.spec("kv"), nodeapi.CodeTaken, "choose another name"},
		"name":           {change(func(s *nodeapi.Spec) { s.Name = "../x" }), nodeapi.CodeInvalid, "is not a name"},
		"kernel":         {change(func(s *nodeapi.Spec) { s.Kernel = "kernel" }), nodeapi.CodeInvalid, "absolute"},
		"no image":       {change(func(s *nodeapi.Spec) { s.Initramfs = "/no/such" }), nodeapi.CodeInvalid, "build the image first"},
		"image folder":   {change(func(s *nodeapi.Spec) { s.Initramfs = "/" }), nodeapi.CodeInvalid, "not a regular file"},
		"restart":        {change(func(s *nodeapi.Spec) { s.Restart = "sometimes" }), nodeapi.CodeInvalid, "never, on-failure or always"},
		"network":        {change(func(s *nodeapi.Spec) { s.Network = "pigeon" }), nodeapi.CodeInvalid, "user, restricted or none"},
		"bridge":         {change(func(s *nodeapi.Spec) { s.Bridge = &bridge.Attachment{Bridge: "br0"} }), nodeapi.CodeInvalid, "bridge: ip: the guest has no address"},
		"bridge, ports":  {change(func(s *nodeapi.Spec) { s.Bridge = onBridge("10.0.0.6/24"); s.Ports = []nodeapi.Port{{GuestPort: 80}} }), nodeapi.CodeInvalid, "at its own address, at all its ports: leave them out"},
		"two networks":   {change(func(s *nodeapi.Spec) { s.Bridge = onBridge("10.0.0.6/24"); s.Network = "none" }), nodeapi.CodeInvalid, "a guest has one network"},
		"address taken":  {change(func(s *nodeapi.Spec) { s.Bridge = onBridge("10.0.0.5/8") }), nodeapi.CodeTaken, "10.0.0.5 on br0 is the address of guest kv: choose another address, or end it first with: silo stop kv"},
		"memory":         {change(func(s *nodeapi.Spec) { s.Memory.Min = 5 }), nodeapi.CodeInvalid, "multiple"},
		"less than none": {change(func(s *nodeapi.Spec) { s.Memory.Max = -4 * mib }), nodeapi.CodeInvalid, "nothing"},
		"cpu":            {change(func(s *nodeapi.Spec) { s.CPU.MaxMilli = 1 << 40 }), nodeapi.CodeInvalid, "thousandths"},
		"times":          {change(func(s *nodeapi.Spec) { s.HelloWithinMS = 1 << 62 }), nodeapi.CodeInvalid, "hello_within_ms"},
		"environment":    {change(func(s *nodeapi.Spec) { s.Env = []string{"x"} }), nodeapi.CodeInvalid, "NAME=VALUE"},
		"NUL":            {change(func(s *nodeapi.Spec) { s.Args = []string{"a\x00"} }), nodeapi.CodeInvalid, "NUL"},
		"much":           {change(func(s *nodeapi.Spec) { s.Args = []string{strings.Repeat("x", 300<<10)} }), nodeapi.CodeInvalid, "more than"},
		"too large":      {change(func(s *nodeapi.Spec) { s.Memory = nodeapi.Memory{Min: 2048 * mib} }), nodeapi.CodeRefused, "guaranteed"},
	} {
		_, err := r.client.Create(ctx, c.spec)
		refused(t, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v lacks %q", name, err, c.text)
		}
	}
	r.fail = errors.New("no qemu")
	_, err := r.client.Create(ctx, r.spec("new"))
	refused(t, err, nodeapi.CodeInternal)
	_, err = r.client.Guest(ctx, "new")
	refused(t, err, nodeapi.CodeNotFound)
	refused(t, r.client.Logs(ctx, "new", nodeapi.LogQuery{}, nil), nodeapi.CodeNotFound)
	most := int64(512 * mib)
	_, err = r.client.Set(ctx, "kv", nodeapi.Change{MemoryMax: &most})
	refused(t, err, nodeapi.CodeInvalid)
	most = 2048 * mib
	_, err = r.client.Set(ctx, "kv", nodeapi.Change{MemoryMin: &most})
	if err == nil {
		t.Error("more is guaranteed than there is")
	}
	if left, err := os.ReadDir(filepath.Join(r.cfg.Dir, "guests")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if n := len(r.State().Guests); n != 1 {
		t.Errorf("%d guests in the ledger", n)
	}
}

// TestRestartPolicy: a guest that failed is started again, one that was killed is not.
func TestRestartPolicy(t *testing.T) {
	r := newRig(t)
	s := r.spec("kv")
	s.Restart = nodeapi.RestartOnFailure
	r.create(s)
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	r.exit(1)
	g := r.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateBackoff })
	if g.Exit == nil || g.Exit.Code != 1 || g.Next.IsZero() {
		t.Errorf("%+v", g)
	}
	r.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateRunning && g.Restarts == 1 && g.Said })
	if n := r.launches(); n != 2 {
		t.Errorf("%d launches", n)
	}
	if g, err := r.client.Kill(t.Context(), "kv"); err != nil || g.State != nodeapi.StateEnded || g.Exit.Cause != hvcall.CauseHost {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestStopInBackoff: a guest that waits for its restart is stopped at once.
func TestStopInBackoff(t *testing.T) {
	r := newRig(t)
	s := r.spec("kv")
	s.Restart = nodeapi.RestartAlways
	r.create(s)
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	r.exit(0)
	r.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateBackoff })
	if g, err := r.client.Stop(t.Context(), "kv", nodeapi.Stop{}); err != nil || g.State != nodeapi.StateEnded {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestLogs: what a guest writes is kept, in order, handed out from where one left off, and followed.
func TestLogs(t *testing.T) {
	r := newRig(t)
	r.create(r.spec("kv"))
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	_, guest := r.last()
	put := func(s hvcall.Stream, text string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := guest.Conn().PutLog(ctx, s, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	put(hvcall.StreamOut, "one\n")
	put(hvcall.StreamErr, "\xff\x00two")
	var got []nodeapi.LogRecord
	if err := r.client.Logs(t.Context(), "kv", nodeapi.LogQuery{}, func(rec nodeapi.LogRecord) error { got = append(got, rec); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || string(got[0].Data) != "one\n" || got[0].Stream != "out" || !bytes.Equal(got[1].Data, []byte("\xff\x00two")) || got[1].Seq <= got[0].Seq {
		t.Fatalf("%+v", got)
	}
	followed := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		err := r.client.Logs(t.Context(), "kv", nodeapi.LogQuery{Follow: true, After: got[1].Seq}, func(rec nodeapi.LogRecord) error { b.Write(rec.Data); return nil })
		if err != nil {
			b.WriteString(err.Error())
		}
		followed <- b.String()
	}()
	put(hvcall.StreamOut, "three ")
	put(hvcall.StreamOut, "four")
	r.exit(0)
	if s := <-followed; s != "three four" {
		t.Errorf("%q", s)
	}
}

// TestBusyAndBroken: what a daemon cannot work with is one error that names cause and fix.
func TestBusyAndBroken(t *testing.T) {
	r := newRig(t)
	var busy *BusyError
	if _, err := Open(t.Context(), Config{Dir: r.cfg.Dir}); !errors.As(err, &busy) || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a second daemon: %v", err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("open folder: %v", err)
	}
	for name, content := range map[string][]byte{"garbage": bytes.Repeat([]byte("garbage!"), 4096), "short": []byte("x"), "cut off": cutOff(t)} {
		dir := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, storeName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *StoreError
		if _, err := Open(t.Context(), Config{Dir: dir}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "move the file away") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Open(t.Context(), Config{Dir: dir}); errors.As(err, &busy) {
			t.Errorf("%s: the lock was left behind: %v", name, err)
		}
	}
}

// cutOff is the first half of a store.
func cutOff(t *testing.T) []byte {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := s.put(&record{Spec: nodeapi.Spec{Name: name, Args: []string{strings.Repeat("x", 100<<10)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, storeName))
	if err != nil {
		t.Fatal(err)
	}
	return b[:4096]
}

// TestSocket: one that was left behind is replaced, one that is in use is not, and nor is something else.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "node.sock")
	first, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var busy *SocketBusyError
	if _, err := ListenUnix(path); !errors.As(err, &busy) {
		t.Errorf("in use: %v", err)
	}
	first.Close() // the file stays, as after kill -9
	again, err := ListenUnix(path)
	if err != nil {
		t.Fatalf("left behind: %v", err)
	}
	again.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
}
