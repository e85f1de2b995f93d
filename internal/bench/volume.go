package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// volumeLost is the bar of the volume benchmark: records that were acknowledged and are not there, and file systems that
// are not whole.
var volumeLost = Bar{"volume.lost", 0, Lower, "records"}

const (
	volumeRounds = 500
	// Volumes, each with a guest that is killed whenever its own round is over, whatever the others do. A guest that boots keeps one
	// processor busy; one that waits for its disk, or whose volume is checked, none.
	volumeLanes = 3
	volumeSize  = 64 << 20
	// One round in eight ends before its guest has said what it found, which is in the middle of replaying the
	// journal as often as not.
	volumeEarly = 8
)

// roundsEnv makes a benchmark of many rounds a short one.
const roundsEnv = "SILO_BENCH_ROUNDS"

// rounds is how many rounds there are to be.
func rounds(full int) (int, error) {
	s := os.Getenv(roundsEnv)
	if s == "" {
		return full, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > full {
		return 0, fmt.Errorf("read %s: %q is not a number from 1 to %d", roundsEnv, s, full)
	}
	return n, nil
}

// volumeRun is what is measured.
type volumeRun struct {
	cfg   Config
	dir   string // for volumes and copies of them
	node  *node.Node
	image *images.Image
	store volume.Store

	begun atomic.Int64 // rounds

	mu      sync.Mutex // guards what follows
	lost    []float64  // for each round: records lost, and 1 for a file system that is not whole
	early   int        // rounds that ended before their guest had said what it found
	written uint64     // records acknowledged in all
	found   uint64     // of them and of what came behind, found again
	after   float64    // records lost of what was looked for at the end
	faults  []string
}

// Volume kills QEMU again and again while a client writes to a volume with fsync.
func Volume(ctx context.Context, cfg Config) ([]Result, error) {
	full, err := rounds(volumeRounds)
	if err != nil {
		return nil, err
	}
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "silo-volume-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	r := &volumeRun{cfg: cfg, dir: dir, store: volume.Store{Dir: filepath.Join(dir, "volumes")}}
	if r.image, err = images.Build(ctx, images.Config{Package: "./internal/bench/volumeload", Dir: cfg.Dir, Progress: cfg.Out}); err != nil {
		return nil, err
	}
	if r.node, err = node.New(node.Config{Volumes: r.store}); err != nil {
		return nil, err
	}
	defer r.node.Close()
	lanes, ctx := errgroup.WithContext(ctx)
	for n := range min(volumeLanes, full) {
		l := &volumeLane{volumeRun: r, name: fmt.Sprintf("crash-%d", n+1)}
		lanes.Go(func() error { return l.all(ctx, full) })
	}
	if err := lanes.Wait(); err != nil {
		return nil, err
	}
	return r.judge()
}

func (r *volumeRun) judge() ([]Result, error) {
	note := fmt.Sprintf("%d kill -9 of QEMU, on %d volumes beside one another, %d of them before the journal was known to be replayed; "+
		"%d records of fsync acknowledged, %d found again; each time fsck -f -n of a copy whose journal was replayed",
		len(r.lost), min(volumeLanes, len(r.lost)), r.early, r.written, r.found)
	if len(r.lost) < volumeRounds {
		note += fmt.Sprintf("; a short run: %d rounds are the whole one", volumeRounds)
	}
	for _, f := range r.faults[:min(len(r.faults), 10)] {
		note += "\n  " + f
	}
	sum := r.after
	for _, n := range r.lost {
		sum += n
	}
	result, err := volumeLost.With(sum, r.lost, note)
	return []Result{result}, err
}

// volumeWithin is how long a guest may take until it says what it found.
const volumeWithin = time.Minute
