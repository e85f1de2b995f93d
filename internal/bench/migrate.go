package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
	"github.com/silo-os/silo/internal/movetest"
	"github.com/silo-os/silo/internal/nettest"
)

// The bars of migration.
//
// migrateRelief counts from the program's first wish to its last byte, with the filling and the copying, which are work: an emulated guest has
// filled its host by the time that it leaves. For how long one stands still in all is in the note of migrateDowntime: with a QEMU before 9.0 it is
// copied at a stand.
// migrateRatio and migrateVsLive are of one guest: what it uses, its live heap and its resident kernel and code, is a quarter of what
// exists of it. What it was granted and never touched is not sent by anybody.
var (
	migrateVsLive   = Bar{"migrate.bytes_vs_live", 1.25, Lower, "×"}
	migrateRatio    = Bar{"migrate.bytes_ratio", 0.3, Lower, "×"}
	migrateDowntime = Bar{"migrate.downtime_ms", 20, Lower, "ms"}
	migrateErrors   = Bar{"migrate.client_errors", 0, Lower, "errors"}
	migrateGap      = Bar{"migrate.longest_gap_ms", 1000, Lower, "ms"}
	migrateRelief   = Bar{"migrate.relief_s", 3, Lower, "s"}
)

const (
	migrateIP     = "10.77.0.60"
	migrateLive   = 128              // MiB that the guest has a use for
	migrateWaste  = 40               // MiB of garbage a second
	migrateGOGC   = "GOGC=420"       // with which its garbage takes more than three times what it uses
	migrateUses   = 4                // it uses one part in so many of what exists of it
	migrateFills  = 90 * time.Second // its heap is full of garbage once; which takes an emulated guest a third of this
	migratePairs  = 7                // of moves whole and shrunk: when a guest collected last makes a difference of a tenth
	migrateMoves  = 20               // of which the downtime is taken
	migrateTurns  = 10               // moves back and forth under the client
	migrateClient = time.Minute
	migrateGrow   = 256 // MiB that a full host does not have
	migrateSettle = 3 * time.Second
)

// Migrate moves guests between two nodes, each in a network namespace of its own.
func Migrate(ctx context.Context, cfg Config) ([]Result, error) {
	all, words := migrateParts(), os.Getenv(cellsEnv)
	parts := pick(all, words, migratePart.title)
	if len(parts) == 0 {
		return nil, errNoPart(words, names(all, migratePart.title))
	}
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return nil, err
	}
	image, err := images.Build(ctx, images.Config{Package: "./internal/movetest/testdata/app", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "silo-migrate-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	silo, err := buildSilo(ctx, cfg.Dir, dir)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, part := range parts {
		part.options.Silo = silo
		err := asTest(ctx, cfg, func(t testing.TB) {
			m := &migration{ctx: ctx, cfg: cfg, image: image, t: t, pair: movetest.New(t, part.options)}
			some, err := part.measure(m)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, some...)
		})
		if err != nil {
			fmt.Fprintln(cfg.Out, Table(results)) // of the parts before it
			return nil, fmt.Errorf("measure %s: %w", part.name, err)
		}
	}
	if len(parts) < len(all) {
		fmt.Fprintln(cfg.Out, Table(results))
		return nil, errSomeParts(len(parts), len(all))
	}
	return results, nil
}

// migratePart is something measured with two hosts of its own.
type migratePart struct {
	name    string
	options movetest.Options
	measure func(*migration) ([]Result, error)
}

func (p migratePart) title() string { return p.name }

func migrateParts() []migratePart {
	return []migratePart{
		{"downtime", movetest.Options{}, (*migration).downtime},
		{"client", movetest.Options{}, (*migration).client},
		{"relief", movetest.Options{CapacityA: 256 << 20, Relieve: true}, (*migration).relief},
		{"bytes", movetest.Options{}, (*migration).bytes},
	}
}

// migration is two hosts and a guest.
type migration struct {
	ctx   context.Context
	cfg   Config
	t     testing.TB
	image *images.Image
	pair  *movetest.Pair
}

func (m *migration) startNodes() {
	m.pair.B.Start("")
	m.pair.A.Start("")
	for _, n := range []*movetest.Node{m.pair.A, m.pair.B} {
		n.Until("its peer to be seen", func() bool {
			ps, err := n.Client.Peers(m.ctx)
			return err == nil && len(ps) == 1 && ps[0].Alive
		})
	}
}

// start starts the guest on the first host. hold, change and garbage are the program's.
func (m *migration) start(name string, hold, change, garbage int, env ...string) error {
	spec := nodeapi.Spec{
		Name: name, Kernel: m.image.KernelPath(), Initramfs: m.image.InitramfsPath(), Env: env,
		Args:   []string{strconv.Itoa(hold), strconv.Itoa(change), strconv.Itoa(garbage)},
		Memory: nodeapi.Memory{Min: 64 << 20, Max: 768 << 20}, CPU: nodeapi.CPU{MaxMilli: 1000},
		Bridge: &bridge.Attachment{Bridge: nettest.Bridge, Addresses: []netip.Prefix{netip.MustParsePrefix(migrateIP + "/24")}},
	}
	if _, err := m.pair.A.Client.Create(m.ctx, spec); err != nil {
		return err
	}
	m.pair.A.Until("guest "+name+" to serve", func() bool { return m.pair.A.Guest(name).Ready })
	return pause(m.ctx, migrateSettle)
}

func (m *migration) stop(at *movetest.Node, name string) error {
	if _, err := at.Client.Kill(m.ctx, name); err != nil {
		return err
	}
	for _, n := range []*movetest.Node{m.pair.A, m.pair.B} { // the other one remembers that it left
		if err := n.Client.Remove(m.ctx, name); err != nil && !nodeapi.Is(err, nodeapi.CodeNotFound) {
			return err
		}
	}
	return nil
}

// move moves the guest and waits until the destination has heard it.
func (m *migration) move(from, to *movetest.Node, name string, whole bool) (nodeapi.Move, error) {
	r, err := from.Client.Migrate(m.ctx, name, nodeapi.Migrate{To: to.Name(), Whole: whole})
	if err == nil {
		to.Runs(name)
		m.tell(r)
	}
	return r, err
}

// tell prints how a move went.
func (m *migration) tell(r nodeapi.Move) {
	fmt.Fprintf(m.cfg.Out, "  %s to %s: held %d MiB, sent %d MiB, stood still %.1f ms (QEMU %.0f and %.0f), shrunk in %.0f, copied in %.0f, %.0f ms in all\n",
		r.Guest, r.To, r.Held>>20, r.Bytes>>20, r.DowntimeMS, r.QEMUMS, r.LoadMS, r.ShrinkMS, r.CopyMS, r.TookMS)
}
