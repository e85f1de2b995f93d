package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/hvcall"
)

func TestCheckVolumes(t *testing.T) {
	for _, c := range []struct {
		list []Volume
		want string // "" = right
	}{
		{nil, ""},
		{[]Volume{{Name: "db", Path: "/data", Size: 1 << 30}, {Dir: "/src", Path: "/data/src", ReadOnly: true}}, ""},
		{[]Volume{{Name: "db"}}, `start guest: Volumes[0]: "": it is not an absolute path: give a path such as /data`},
		{[]Volume{{Name: "db", Path: "/" + strings.Repeat("x", 1024)}}, "start guest: Volumes[0]: its path in the guest has 1025 bytes: use at most 1024"},
		{[]Volume{{Name: "db", Path: "/proc"}}, `start guest: Volumes[0]: "/proc": /proc is the guest's own: give a path such as /data`},
		{[]Volume{{Name: "a", Path: "/data"}, {Name: "b", Path: "/data"}}, "start guest: Volumes[1]: another volume is at /data: give each a path of its own"},
		{[]Volume{{Name: "a", Path: "/x"}, {Name: "a", Path: "/y"}}, "start guest: Volumes[1]: volume a is there twice: leave one of the two out"},
		{[]Volume{{Path: "/x"}}, "start guest: Volumes[0]: neither a name nor a folder, or both: give one of them"},
		{[]Volume{{Dir: "src", Path: "/x"}}, `start guest: Volumes[0]: "src" is not an absolute path: give the whole path of the folder`},
		{[]Volume{{Dir: "/src", Path: "/x", Size: 1}}, "start guest: Volumes[0]: a folder has no size: leave the size out"},
		{[]Volume{{Name: "a/b", Path: "/x"}}, `volume "a/b": not a name: use up to 63 letters, digits, dots, dashes and underscores, the first a letter or digit`},
		{[]Volume{{Name: "a", Path: "/x", Size: 5}}, "volume a: 5 bytes: use 16M to 16T"},
	} {
		switch err := CheckVolumes(c.list); {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.list, err)
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%+v:\ngot  %v\nwant %s", c.list, err, c.want)
		}
	}
	many := make([]Volume, hvcall.MaxVolumes+1)
	for i := range many {
		many[i] = Volume{Dir: "/src", Path: "/d" + strings.Repeat("x", i)}
	}
	if err := CheckVolumes(many); err == nil || !strings.Contains(err.Error(), "17 of them: use at most 16") {
		t.Errorf("%v", err)
	}
}

// TestLongFolder: a folder may have a longer path than a volume may have a name.
func TestLongFolder(t *testing.T) {
	for _, dir := range []string{"/" + strings.Repeat("d/", 200), "/" + strings.Repeat("ä/", 200), "/src"} {
		w := GuestSpec{Volumes: []Volume{{Dir: dir, Path: "/src"}}}.welcome()
		if _, err := hvcall.DecodeWelcome(w.Encode()); err != nil {
			t.Errorf("%d bytes: %v", len(dir), err)
		}
		if name := w.Volumes[0].Name; !strings.HasSuffix(dir, strings.TrimPrefix(name, "…")) {
			t.Errorf("it is called %q", name)
		}
	}
}

// TestVolumesReachTheGuest: what is attached is told, under the same numbers.
func TestVolumesReachTheGuest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} { // they are there, so mkfs.ext4 is not needed
		if err := os.WriteFile(filepath.Join(dir, name+".img"), make([]byte, 512), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := []Volume{{Name: "a", Path: "/a"}, {Dir: "/src", Path: "/src", ReadOnly: true}, {Name: "b", Path: "/b", ReadOnly: true}}
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.cfg.Volumes = volume.Store{Dir: dir}
		g, err := r.Start(t.Context(), GuestSpec{Volumes: list})
		if err != nil {
			t.Fatal(err)
		}
		vm, guest := r.last()
		w, err := guest.SayHello(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []hvcall.Volume{{Name: "a", Path: "/a", Disk: "silo0"}, {Name: "/src", Path: "/src", Share: "share0", ReadOnly: true},
			{Name: "b", Path: "/b", Disk: "silo1", ReadOnly: true}}
		if !slices.Equal(w.Volumes, want) {
			t.Errorf("told %+v", w.Volumes)
		}
		cfg := r.cfgs[0]
		if !slices.Equal(cfg.Disks, []vmm.Disk{{Path: dir + "/a.img"}, {Path: dir + "/b.img", ReadOnly: true}}) ||
			!slices.Equal(cfg.Shares, []vmm.Share{{Dir: "/src", ReadOnly: true}}) {
			t.Errorf("attached %+v, %+v", cfg.Disks, cfg.Shares)
		}
		if err := g.Movable(); !errors.As(err, new(*vmm.PinnedError)) {
			t.Errorf("Movable = %v", err)
		}
		powerOff(vm)
		<-g.Done()

		r.fail = &vmm.DiskBusyError{Path: dir + "/b.img"}
		var busy *volume.BusyError
		if _, err := r.Start(t.Context(), GuestSpec{Volumes: list}); !errors.As(err, &busy) || busy.Name != "b" {
			t.Errorf("while another guest has it: %v", err)
		}
		r.fail = nil
		if _, err := r.Start(t.Context(), GuestSpec{Volumes: []Volume{{Name: "a", Path: "/a", Size: 1 << 30}}}); !errors.As(err, new(*volume.SizeError)) {
			t.Errorf("at another size: %v", err)
		}
		if s := r.State(); len(s.Guests) != 0 {
			t.Errorf("left: %+v", s.Guests)
		}
	})
}

// TestGuestKnowsNoVolumes: a guest that would run its application without them is ended.
func TestGuestKnowsNoVolumes(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.raw = true
		g, err := r.Start(t.Context(), GuestSpec{Volumes: []Volume{{Dir: "/src", Path: "/src"}}})
		if err != nil {
			t.Fatal(err)
		}
		vm, _ := r.last()
		conn := hvcall.NewConn(vm.GuestPort(), hvcall.Config{})
		go conn.Serve(t.Context(), nil)
		if _, err := conn.SayHello(t.Context(), hvcall.Hello{Role: hvcall.RolePID1, Capabilities: []hvcall.Capability{hvcall.CapMemory}}); err == nil {
			t.Error("it was welcomed")
		}
		exit, err := g.Wait()
		if err != nil || exit.Cause != hvcall.CauseHost || !strings.Contains(exit.Text, "build it again") {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}
