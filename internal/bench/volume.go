package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

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
	volumeSize   = 64 << 20
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
	node  *node.Node
	image *images.Image
	store volume.Store

	round uint64 // the one that wrote last
	acked uint64 // records that it acknowledged

	lost    []float64 // for each round: records lost, and 1 for a file system that is not whole
	early   int       // rounds that ended before their guest had said what it found
	written uint64    // records acknowledged in all
	found   uint64    // of them and of what came behind, found again
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
	r := &volumeRun{cfg: cfg, store: volume.Store{Dir: filepath.Join(dir, "volumes")}}
	if r.image, err = images.Build(ctx, images.Config{Package: "./internal/bench/volumeload", Dir: cfg.Dir, Progress: cfg.Out}); err != nil {
		return nil, err
	}
	if r.node, err = node.New(node.Config{Volumes: r.store}); err != nil {
		return nil, err
	}
	defer r.node.Close()
	for n := range full {
		if err := r.once(ctx, rand.N(volumeEarly) == 0); err != nil {
			return nil, fmt.Errorf("round %d: %w", n+1, err)
		}
		if (n+1)%20 == 0 || n+1 == full {
			fmt.Fprintf(cfg.Out, "kill %d of %d: %d records acknowledged, %d faults\n", n+1, full, r.written, len(r.faults))
		}
	}
	// The last round's records are looked for, too.
	if err := r.last(ctx); err != nil {
		return nil, err
	}
	return r.judge()
}

func (r *volumeRun) judge() ([]Result, error) {
	note := fmt.Sprintf("%d kill -9 of QEMU, %d of them before the journal was known to be replayed; %d records of fsync acknowledged, %d found again; "+
		"each time fsck -f -n of a copy whose journal was replayed", len(r.lost), r.early, r.written, r.found)
	if len(r.lost) < volumeRounds {
		note += fmt.Sprintf("; a short run: %d rounds are the whole one", volumeRounds)
	}
	for _, f := range r.faults[:min(len(r.faults), 10)] {
		note += "\n  " + f
	}
	var sum float64
	for _, n := range r.lost {
		sum += n
	}
	result, err := volumeLost.With(sum, r.lost, note)
	return []Result{result}, err
}

// volumeWithin is how long a guest may take until it says what it found.
const volumeWithin = time.Minute
