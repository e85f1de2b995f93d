package vmm

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"github.com/silo-os/silo/host/vmm/internal/tape"
	"github.com/silo-os/silo/host/vmm/internal/template"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// withoutMemory has something done while memory that is a file stays out of QEMU's stream. QEMU copies page by
// page, and on the way both the machine that is read and the one that is written come to hold all pages of zeros,
// which were holes before.
func withoutMemory(ctx context.Context, monitor *qmp.Client, do func() error) error {
	set := func(on bool) error { return setCapabilities(ctx, monitor, map[string]bool{"x-ignore-shared": on}) }
	if err := set(true); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return set(false)
}

// restoreWithin is how long QEMU may take over a template, which is tens of milliseconds. The rest of the start's
// time is for booting.
const restoreWithin = 10 * time.Second

// restorePoll is how often QEMU is asked whether the guest is there. It reads the stream in one go and answers
// behind that.
const restorePoll = time.Millisecond

// restoring is the origin of a guest that goes on from a template.
type restoring struct {
	template *template.Template
	memory   *os.File
	streamFD int        // QEMU's number of the stream
	filled   chan error // holds what came of filling the memory
	tried    bool       // QEMU was given the template
	once     sync.Once
}

// firstInherited is the number under which a child finds the first file that it inherits.
const firstInherited = 3

// attach has the memory filled while QEMU starts.
func (r *restoring) attach(inherit []*os.File, w Wiring) ([]*os.File, Wiring, error) {
	stream, err := r.template.Stream()
	if err != nil {
		return nil, Wiring{}, err
	}
	if r.memory, err = memoryFile(r.template.Memory); err != nil {
		return nil, Wiring{}, err
	}
	r.filled = make(chan error, 1)
	go func() { r.filled <- r.template.Fill(r.memory) }()
	r.streamFD = firstInherited + len(inherit)
	w.Memory = r.streamFD + 1
	return append(inherit[:len(inherit):len(inherit)], stream, r.memory), w, nil
}

func (r *restoring) listen(port net.Conn) (net.Conn, error) {
	return tape.Play(port, r.template.Said), nil
}

func (r *restoring) restore(ctx context.Context, monitor *qmp.Client) error {
	defer r.release()
	r.tried = true
	err := <-r.filled
	r.filled <- err // for release
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	return withoutMemory(ctx, monitor, func() error {
		err := monitor.Execute(ctx, "migrate-incoming", map[string]string{"uri": fmt.Sprint("fd:", r.streamFD)}, nil)
		if err != nil {
			return err
		}
		return awaitStatus(ctx, monitor, "inmigrate", "paused")
	})
}

// awaitStatus waits until the machine is in another state than one, which must then be the other.
func awaitStatus(ctx context.Context, monitor *qmp.Client, is, will string) error {
	for {
		var now struct{ Status string }
		if err := monitor.Execute(ctx, "query-status", nil, &now); err != nil {
			return err
		}
		switch now.Status {
		case will:
			return nil
		case is:
		default:
			return fmt.Errorf("go on from template: the machine is in state %s", now.Status)
		}
		if err := elastic.Sleep(ctx, restorePoll); err != nil {
			return fmt.Errorf("go on from template: %w", err)
		}
	}
}

func (r *restoring) release() {
	r.once.Do(func() {
		if r.filled != nil {
			<-r.filled
		}
		if r.memory != nil {
			r.memory.Close()
		}
		r.template.Close()
	})
}
