package vmm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"github.com/silo-os/silo/host/vmm/internal/tape"
	"github.com/silo-os/silo/host/vmm/internal/template"
	"github.com/silo-os/silo/host/vmm/qmp"
)

const (
	// saveWithin bounds the saving of a template: QEMU writes less than a megabyte, and the rest is the memory
	// of a guest that has just booted.
	saveWithin = 10 * time.Second
	// goOnWithin is how long QEMU may take to let a guest run again, whatever came of saving it.
	goOnWithin = 5 * time.Second
	savePoll   = time.Millisecond
)

// drafting is the origin of a guest that boots and may be saved.
type drafting struct {
	draft *template.Draft
	tape  *tape.Recorder
	saved atomic.Bool // or given up
	once  sync.Once
}

func (d *drafting) attach(inherit []*os.File, w Wiring) ([]*os.File, Wiring, error) {
	return inherit, w, nil
}

func (d *drafting) listen(port net.Conn) (net.Conn, error) {
	var err error
	d.tape, err = tape.Record(port)
	return d.tape, err
}

func (d *drafting) restore(context.Context, *qmp.Client) error { return nil }

func (d *drafting) release() { d.once.Do(func() { d.draft.Close() }) }

// SaveTemplate saves the guest as it is now as a template for others like it, and lets it run on. It may
// be called once, while the guest is what all of them have in common: it has been told nothing yet. It does
// nothing for a machine without Config.Templates, or that went on from one itself. After an error the guest
// runs on and nothing is left of the template.
func (vm *VM) SaveTemplate(ctx context.Context) error {
	d, ok := vm.origin.(*drafting)
	if !ok || d.saved.Swap(true) {
		return nil
	}
	defer d.release()
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	said, err := vm.standStill(ctx, d)
	if err == nil {
		err = d.draft.Publish(said)
	}
	if err != nil {
		return fmt.Errorf("save template: %w", vm.explain(err))
	}
	return nil
}

// standStill saves what there is of the guest while it does not run.
func (vm *VM) standStill(ctx context.Context, d *drafting) (said []byte, err error) {
	defer func() { // also if stop failed: it may take effect all the same
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goOnWithin)
		defer cancel()
		err = errors.Join(err, vm.monitor.Execute(ctx, "cont", nil, nil))
	}()
	if err := vm.monitor.Execute(ctx, "stop", nil, nil); err != nil {
		return nil, err
	}
	if said, err = d.tape.Seal(); err != nil {
		return nil, err
	}
	stream, err := d.draft.Stream()
	if err == nil {
		err = withoutMemory(ctx, vm.monitor, func() error { return vm.writeState(ctx, stream) })
	}
	if err != nil {
		return nil, err
	}
	memory, err := openBootMemory(vm.memoryFiles, vm.cfg.BootMemory)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	return said, d.draft.TakeMemory(memory)
}

// writeState has QEMU write everything but the memory.
func (vm *VM) writeState(ctx context.Context, stream *os.File) error {
	if err := vm.monitor.PassFile(ctx, "template", stream); err != nil {
		return err
	}
	if err := vm.monitor.Execute(ctx, "migrate", map[string]string{"uri": "fd:template"}, nil); err != nil {
		return err
	}
	for {
		var now struct {
			Status string
			Cause  string `json:"error-desc"`
		}
		if err := vm.monitor.Execute(ctx, "query-migrate", nil, &now); err != nil {
			return err
		}
		switch now.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("write state: qemu %s: %s", now.Status, now.Cause)
		}
		if err := elastic.Sleep(ctx, savePoll); err != nil {
			return fmt.Errorf("write state: %w", err)
		}
	}
}

// openBootMemory opens the one of a guest's memory files that is the boot memory. Before anything is plugged
// the other one is empty.
func openBootMemory(files []string, size int64) (*os.File, error) {
	var found []string
	for _, path := range files {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return nil, fmt.Errorf("find boot memory: %w", &os.PathError{Op: "stat", Path: path, Err: err})
		}
		if st.Size == size && st.Blocks > 0 {
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("find boot memory: %d of %d files could be it", len(found), len(files))
	}
	return os.Open(found[0])
}
