package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/memlimit"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// Config configures a Daemon. Dir must be given; everywhere else the zero value is right.
type Config struct {
	Dir      string          // state folder, absolute; only this user may enter it
	Capacity broker.Capacity // see node.Config; kept over a restart while guests run on
	Build    string          // version of silo, for those who ask
	Log      *slog.Logger    // nil = silent

	Fleet   Fleet       // other hosts that guests move to and from
	Moves   move.Limits // how long the parts of a move may take
	StayPut bool        // no guest moves but by request

	// At is called at each point where a crash leaves something else behind; nil = never. It is for tests, which
	// end the process there. Points lists the names.
	At func(point string)

	// Hold is the node's; see node.Config.
	Hold func(pid int, threads []int) node.Share
	// Launch and Attach start machines and find them again; nil = vmm.Start and vmm.Attach.
	Launch func(context.Context, vmm.Config) (vmm.Machine, error)
	Attach func(context.Context, vmm.Config) (Attached, error)
}

// Daemon keeps the guests of one host. Its methods may be called from any goroutine.
type Daemon struct {
	cfg    Config
	lock   *flock.Flock
	store  *store
	node   *node.Node
	limits *memlimit.Limits
	runAs  func(slot uint32) *vmm.User

	name      string // of the host
	peers     map[string]*peer
	relieving chan struct{} // holds a token while a guest moves to make room, and for a while after one could not
	vain      int           // moves to make room in a row that failed; of who has the token

	ctx  context.Context // ends when the daemon leaves
	stop context.CancelFunc

	mu       sync.Mutex
	keepers  map[string]*keeper // guarded by mu, as all below
	arrivals map[string]*arrival
	host     host
}

// Open takes up the guests that the store knows, wherever an earlier daemon left them, and keeps them until Leave.
// Errors: *BusyError, *StoreError, and what the state folder fails with; nothing was changed then.
func Open(ctx context.Context, cfg Config) (_ *Daemon, err error) {
	d := &Daemon{
		cfg: cfg.withDefaults(), keepers: make(map[string]*keeper), arrivals: make(map[string]*arrival), relieving: make(chan struct{}, 1), runAs: runAs(),
	}
	if d.name = d.cfg.Fleet.Name; d.name == "" {
		d.name, _ = os.Hostname()
	}
	if d.peers, err = openPeers(d.cfg.Fleet, d.name); err != nil {
		return nil, err
	}
	if err := makeDir(cfg.Dir); err != nil {
		return nil, err
	}
	if d.lock, err = takeLock(cfg.Dir); err != nil {
		return nil, err
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			d.Leave()
		}
	}()
	if d.store, err = openStore(cfg.Dir); err != nil {
		return nil, err
	}
	d.limits = memlimit.Open(memlimit.Config{Log: d.cfg.Log})
	if err := d.takeUp(ctx); err != nil {
		return d, err
	}
	for _, p := range d.peers {
		go d.seek(d.ctx, p)
	}
	return d, nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.At == nil {
		c.At = func(string) {}
	}
	if c.Launch == nil {
		c.Launch = func(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) { return vmm.Start(ctx, cfg) }
	}
	if c.Attach == nil {
		c.Attach = attach
	}
	return c
}

// takeLock makes sure that there is one daemon to a folder. The lock goes with the process, however it ends.
func takeLock(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, "lock")
	lock := flock.New(path, flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if !got {
		pid, _ := os.ReadFile(path)
		return nil, &BusyError{Dir: dir, PID: strings.TrimSpace(string(pid))}
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("lock state folder: %w", err), lock.Close())
	}
	return lock, nil
}

// Leave lets go of everything. Guests run on, for the next daemon to take up.
func (d *Daemon) Leave() {
	d.stop()
	if d.store != nil {
		if err := d.store.close(); err != nil {
			d.cfg.Log.Error("store not closed", "err", err)
		}
	}
	if err := d.lock.Close(); err != nil {
		d.cfg.Log.Error("lock not released", "err", err)
	}
}

// Info says what this daemon is.
func (d *Daemon) Info() nodeapi.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, free := d.node.Capacity(), d.node.Free()
	return nodeapi.Info{
		Name: d.name, FreeMemory: free.Memory, FreeMilliCPU: free.MilliCPU,
		Version: nodeapi.Version, Build: d.cfg.Build, PID: os.Getpid(),
		Memory: max(0, c.Memory-c.Slush), MilliCPU: c.MilliCPU, Guests: len(d.keepers),
	}
}

// State is all that the broker knows.
func (d *Daemon) State() broker.State { return d.node.State() }

// Create has a guest started and returns when its machine runs. When ctx ends before, nothing is left of it.
func (d *Daemon) Create(ctx context.Context, spec nodeapi.Spec) (nodeapi.Guest, error) {
	if err := errors.Join(check(spec), checkMounts(spec.Volumes, d.runAs(0) != nil)); err != nil {
		return nodeapi.Guest{}, err
	}
	k, err := d.enroll(fill(spec, d.node.Capacity()), func(r *record) { r.State = nodeapi.StateStarting })
	if err != nil {
		return nodeapi.Guest{}, err
	}
	if err := k.create(ctx); err != nil {
		return nodeapi.Guest{}, err
	}
	return k.show(), nil
}

// enroll takes a name for a guest that is to be created, or comes.
func (d *Daemon) enroll(spec nodeapi.Spec, as func(*record)) (*keeper, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.host.LastSeq++
	if spec.Name == "" {
		spec.Name = fmt.Sprint("guest-", d.host.LastSeq)
	}
	if d.keepers[spec.Name] != nil {
		return nil, nodeapi.Refuse(nodeapi.CodeTaken, "a guest named %q is here already: choose another name, or remove it with: silo rm %s", spec.Name, spec.Name)
	}
	if err := d.clash(spec); err != nil {
		return nil, err
	}
	if err := d.store.putHost(d.host); err != nil {
		return nil, err
	}
	r := &record{Seq: d.host.LastSeq, Spec: spec}
	as(r)
	k := newKeeper(d, r)
	d.keepers[spec.Name] = k
	return k, nil
}

func (d *Daemon) dismiss(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.keepers, name)
}

func (d *Daemon) find(name string) (*keeper, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.keepers[name]; k != nil {
		return k, nil
	}
	return nil, nodeapi.Refuse(nodeapi.CodeNotFound, "there is no guest named %q: silo ps -a lists those there are", name)
}

// Guests are the guests, oldest first.
func (d *Daemon) Guests() []nodeapi.Guest {
	d.mu.Lock()
	keepers := make([]*keeper, 0, len(d.keepers))
	for _, k := range d.keepers {
		keepers = append(keepers, k)
	}
	d.mu.Unlock()
	slices.SortFunc(keepers, func(a, b *keeper) int { return int(a.seq) - int(b.seq) })
	guests := make([]nodeapi.Guest, len(keepers))
	for i, k := range keepers {
		guests[i] = k.show()
	}
	return guests
}
