package alloc

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func newTestArena(t *testing.T, cfg ArenaConfig) *Arena {
	t.Helper()
	a, err := NewArena(nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// resident counts the pages of the arena in memory, as the kernel sees it.
func (a *Arena) resident(t *testing.T, upTo int64) (pages int) {
	t.Helper()
	vec := make([]byte, upTo/4096)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptrOf(a.space.base), uintptr(upTo), uintptrOf(vec)); errno != 0 {
		t.Fatal(errno)
	}
	for _, v := range vec {
		pages += int(v & 1)
	}
	return pages
}

func TestFreeReturnsWholePagesAtOnce(t *testing.T) {
	a := newTestArena(t, ArenaConfig{Max: 64 * mib})
	b, err := a.Alloc(t.Context(), 16*mib)
	if err != nil {
		t.Fatal(err)
	}
	small, err := a.Alloc(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.resident(t, 18*mib); got < 18*mib/4096 {
		t.Errorf("%d pages resident after Alloc: somebody would fault later", got)
	}
	a.Free(b)
	if got := a.resident(t, 16*mib); got != 0 {
		t.Errorf("%d pages of the freed 16 MiB are resident", got)
	}
	small[99] = 1 // its page stayed
	a.Free(small)
	if got := a.resident(t, 18*mib); got != 0 {
		t.Errorf("%d pages resident in an empty arena", got)
	}
}

func TestMisuseIsFound(t *testing.T) {
	a := newTestArena(t, ArenaConfig{Max: 8 * mib, Debug: true})
	b, err := a.Alloc(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := a.Alloc(t.Context(), 1000) // so that the page stays
	if err != nil {
		t.Fatal(err)
	}
	mustPanic(t, "not the beginning", func() { a.Free(keep[64:]) })
	mustPanic(t, "not of this arena", func() { a.Free(make([]byte, 10)) })
	a.Free(b)
	mustPanic(t, "freed twice", func() { a.Free(b) })
	b[5] = 1
	mustPanic(t, "written to after it was freed", func() { a.Alloc(t.Context(), 1000) })
}

func mustPanic(t *testing.T, text string, f func()) {
	t.Helper()
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), text) {
			t.Errorf("panic %v, want one about %q", p, text)
		}
	}()
	f()
}

// TestUseAfterFreeCrashes needs a process of its own, because that is what it ends.
func TestUseAfterFreeCrashes(t *testing.T) {
	if os.Getenv("ARENA_CRASH") != "" {
		a := newTestArena(t, ArenaConfig{Max: 8 * mib, Debug: true})
		b, err := a.Alloc(t.Context(), 4*mib)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(b)
		b[0] = 1
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestUseAfterFreeCrashes$")
	cmd.Env = append(os.Environ(), "ARENA_CRASH=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unexpected fault address") {
		t.Errorf("no crash: %v\n%s", err, out)
	}
}

func TestFullAndClosed(t *testing.T) {
	a := newTestArena(t, ArenaConfig{Max: 4 * mib})
	if _, err := a.Alloc(t.Context(), 5*mib); !errors.Is(err, ErrArenaFull) {
		t.Errorf("too large: %v", err)
	}
	if _, err := a.Alloc(t.Context(), math.MaxInt); !errors.Is(err, ErrArenaFull) {
		t.Errorf("larger than any: %v", err)
	}
	if _, err := NewArena(nil, ArenaConfig{Max: math.MaxInt64}); err == nil {
		t.Error("an arena of more than there is")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Alloc(t.Context(), 1); !errors.Is(err, ErrArenaClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestTypedSlices(t *testing.T) {
	a := newTestArena(t, ArenaConfig{Max: 64 * mib})
	type point struct{ X, Y float64 }
	ps, err := Make[point](t.Context(), a, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	ps[99_999].Y = 7
	FreeSlice(a, ps)
	if got := a.resident(t, 4*mib); got != 0 {
		t.Errorf("%d pages resident", got)
	}
	if _, err := Make[*point](t.Context(), a, 1); err == nil {
		t.Error("a type with pointers was let into an arena")
	}
	if _, err := Make[struct{ S string }](t.Context(), a, 1); err == nil {
		t.Error("a type with a string was let into an arena")
	}
}

// TestExtentsAgainstModel: allocations never overlap, nothing is lost, and everything freed is one
// piece again.
func TestExtentsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 16 * mib
		x, p := newExtents(size), newPages(size)
		var live []extent
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			if len(live) > 0 && rapid.Bool().Draw(t, "free") {
				i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
				e, err := x.give(live[i].at)
				if err != nil || e != live[i] {
					t.Fatalf("give back %v: %v, %v", live[i], e, err)
				}
				p.drop(e)
				live = slices.Delete(live, i, i+1)
			} else if e, ok := x.take(64 * rapid.Int64Range(1, 4*mib/64).Draw(t, "n")); ok {
				for _, o := range live {
					if e.at < o.end() && o.at < e.end() {
						t.Fatalf("%v overlaps %v", e, o)
					}
				}
				p.use(e)
				live = append(live, e)
			}
			var used, free, counted int64
			for _, e := range live {
				used += e.size
			}
			for _, e := range x.free {
				free += e.size
			}
			for _, page := range p {
				counted += int64(page.used)
			}
			if used+free != size || counted != used {
				t.Fatalf("used %d, free %d, counted %d of %d", used, free, counted, size)
			}
		}
		for _, e := range live {
			if _, err := x.give(e.at); err != nil {
				t.Fatal(err)
			}
		}
		if len(x.free) != 1 || x.free[0] != (extent{0, size}) {
			t.Fatalf("in pieces at the end: %v", x.free)
		}
	})
}
