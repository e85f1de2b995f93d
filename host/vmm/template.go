package vmm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm/internal/template"
)

// DefaultTemplates is the folder of templates of this user: in $SILO_CACHE, or in silo under os.UserCacheDir.
// It is "", which means no templates, where there is neither.
func DefaultTemplates() string {
	if dir := cacheDir(); dir != "" {
		return filepath.Join(dir, "templates")
	}
	return ""
}

// cacheDir is where silo keeps what it need not find out twice, "" without a place.
func cacheDir() string {
	user, err := os.UserCacheDir()
	if err == nil {
		user = filepath.Join(user, "silo")
	}
	return cmp.Or(os.Getenv("SILO_CACHE"), user)
}

// start starts the machine from a template where there is one, else by booting it. No failure of a template
// is one of the start.
func (c Config) start(ctx context.Context) (*VM, error) {
	if !c.templated() {
		return c.begin(ctx, boots{})
	}
	store := template.Store{Dir: c.Templates}
	id, err := c.identity()
	if err != nil {
		c.logger().Warn("no template: the guest boots", "name", c.name(), "cause", err)
		return c.begin(ctx, boots{})
	}
	vm, err := c.resume(ctx, store, id)
	if err == nil || ctx.Err() != nil {
		return vm, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.logger().Warn("template not used: the guest boots", "name", c.name(), "cause", err)
	}
	draft, err := store.Draft(id, c.BootMemory)
	if err != nil {
		c.logger().Warn("no template can be saved", "name", c.name(), "cause", err)
		return c.begin(ctx, boots{})
	}
	return c.begin(ctx, &drafting{draft: draft})
}

// templated reports whether the machine is one of those that go on from a template. One with a disk is not: a
// kernel that has seen one disk believes what it read of it, and would believe it of another.
func (c Config) templated() bool {
	return c.Templates != "" && c.Detached == nil && len(c.Disks) == 0
}

// resume starts the machine from its template. One that is damaged, or that QEMU refuses, is thrown away.
func (c Config) resume(ctx context.Context, store template.Store, id template.Identity) (*VM, error) {
	t, err := store.Open(id)
	if err == nil {
		from := restoring{template: t}
		vm, failed := c.begin(ctx, &from)
		if failed == nil || ctx.Err() != nil || !from.tried {
			return vm, failed
		}
		err = failed
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return nil, errors.Join(err, store.Remove(id))
}

// identity is everything that must be the same for a guest to go on from another one's state. What the host
// may choose anew for each is not in it: names, forwarded ports, addresses, descriptors.
func (c Config) identity() (template.Identity, error) {
	digests := template.Digests{Path: filepath.Join(c.Templates, "digests.json")}
	qemu, err := fileIdentity(c.Binary)
	if err != nil {
		return nil, err
	}
	id := template.Identity{"qemu " + qemu}
	for _, f := range []struct{ what, path string }{{"firmware", c.Firmware}, {"kernel", c.Kernel}, {"initramfs", c.Initramfs}} {
		sum := f.path // a firmware may be a name that QEMU knows
		if filepath.IsAbs(f.path) {
			if sum, err = digests.Of(f.path); err != nil {
				return nil, err
			}
		}
		id = append(id, f.what+" "+sum)
	}
	if c.Accel == AccelKVM {
		host, err := hostProcessor()
		if err != nil {
			return nil, err
		}
		id = append(id, host...)
	}
	plain := c
	plain.Shares = slices.Clone(c.Shares)
	for i := range plain.Shares { // nothing is read of them before the guest mounts them
		plain.Shares[i].Dir = ""
	}
	plain.Name, plain.Forwards, plain.Firmware, plain.Kernel, plain.Initramfs = "", nil, "", "", ""
	if c.Bridge != nil { // the guest gives its interface the address that it is welcomed with
		plain.Bridge = &bridge.Attachment{}
	}
	return append(id, plain.Args(wiring)...), nil
}

// FromTemplate reports whether the guest went on from a template, and did not boot.
func (vm *VM) FromTemplate() bool {
	_, ok := vm.origin.(*restoring)
	return ok
}

// DropTemplate throws the template away from which a guest of this configuration would go on: for a caller who
// saw one go wrong. That there is none is no error.
func (vm *VM) DropTemplate() error {
	if !vm.cfg.templated() {
		return nil
	}
	id, err := vm.cfg.identity()
	if err != nil {
		return fmt.Errorf("drop template: %w", err)
	}
	return template.Store{Dir: vm.cfg.Templates}.Remove(id)
}
