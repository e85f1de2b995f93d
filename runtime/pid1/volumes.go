package pid1

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

const (
	sysBlock = "/sys/block"

	// Files of a volume are the application's to trust, as its own are; devices and foreign privileges are not
	// brought along by one.
	volumeFlags = unix.MS_NOATIME | unix.MS_NOSUID | unix.MS_NODEV

	// What is deleted returns to the host by discard. The file system's own writes are ordered by its
	// journal, and fsync reaches the host's disk: both are the defaults.
	diskOptions = "discard,errors=remount-ro"

	// cache=none: the host's user changes files while the guest looks at them. access=client would check
	// rights by the host's numbers; the host's QEMU does that already.
	shareOptions = "trans=virtio,version=9p2000.L,msize=262144,cache=none,access=any"
)

// mount is one that is to be made, in the words of mount(2).
type mount struct {
	name, source, target, kind, options string
	flags                               uintptr
}

// planVolumes says what is to be mounted, in an order in which one within another comes behind it. disk
// finds a disk's device by its serial number.
func planVolumes(list []hvcall.Volume, disk func(serial string) (string, error)) ([]mount, error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b hvcall.Volume) int { return strings.Compare(a.Path, b.Path) })
	var plan []mount
	for _, v := range list {
		m := mount{name: v.Name, source: v.Share, target: v.Path, kind: "9p", options: shareOptions, flags: volumeFlags}
		if v.Disk != "" {
			device, err := disk(v.Disk)
			if err != nil {
				return nil, fmt.Errorf("mount volume %s: %w", v.Name, err)
			}
			m.source, m.kind, m.options = device, "ext4", diskOptions
		}
		if v.ReadOnly {
			m.flags |= unix.MS_RDONLY
		}
		plan = append(plan, m)
	}
	return plan, nil
}

// findDisk returns the device of the virtio disk with a serial number.
func findDisk(sys string) func(serial string) (string, error) {
	return func(serial string) (string, error) {
		paths, err := filepath.Glob(filepath.Join(sys, "*", "serial"))
		if err != nil {
			return "", fmt.Errorf("list disks: %w", err)
		}
		for _, p := range paths {
			if b, err := os.ReadFile(p); err == nil && strings.TrimRight(string(b), "\n\x00") == serial {
				return "/dev/" + filepath.Base(filepath.Dir(p)), nil
			}
		}
		return "", fmt.Errorf("find disk %s among %d: %w", serial, len(paths), os.ErrNotExist)
	}
}

// mountVolumes mounts what the host gave the guest. After an error the guest does not run its application, which
// would write to what is lost.
func mountVolumes(list []hvcall.Volume) ([]mount, error) {
	plan, err := planVolumes(list, findDisk(sysBlock))
	if err != nil {
		return nil, err
	}
	for i, m := range plan {
		if err := m.make(); err != nil {
			return plan[:i], err
		}
	}
	return plan, nil
}

func (m mount) make() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return fmt.Errorf("mount volume %s at %s: %w", m.name, m.target, err)
	}
	err := unix.Mount(m.source, m.target, m.kind, m.flags, m.options)
	if err == nil {
		return nil
	}
	return fmt.Errorf("mount volume %s at %s: %w%s", m.name, m.target, err, m.advice(err))
}

// advice says what a person can do about a mount that failed.
func (m mount) advice(err error) string {
	switch {
	case m.kind == "ext4" && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EUCLEAN)):
		return ": it has no whole ext4 file system: look at it with fsck.ext4 on the host, or remove it with: silo volume rm " + m.name
	case errors.Is(err, unix.ENODEV):
		return ": the guest's kernel does not know " + m.kind + ": build the image again"
	}
	return ""
}

// releaseVolumes ends what still runs of the application, which could keep a volume busy, and unmounts all, the
// inner ones first. What cannot be unmounted is made read-only, so that it is whole on its disk.
func releaseVolumes(mounted []mount) error {
	if len(mounted) == 0 {
		return nil
	}
	if err := endAll(); err != nil {
		return err
	}
	var errs []error
	for _, m := range slices.Backward(mounted) {
		if err := m.release(); err != nil {
			errs = append(errs, fmt.Errorf("unmount volume %s: %w", m.name, err))
		}
	}
	unix.Sync()
	return errors.Join(errs...)
}

func (m mount) release() error {
	err := unix.Unmount(m.target, 0)
	if err == nil {
		return nil
	}
	return errors.Join(err, unix.Mount("", m.target, "", m.flags|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
}

// endWithin is how long killed processes may take to be gone.
const endWithin = 2 * time.Second

// endAll kills every process but this one and waits until they are gone.
func endAll() error {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end what the application left: %w", err)
	}
	for end := time.Now().Add(endWithin); time.Now().Before(end); {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for what the application left: %w", err)
		case pid == 0:
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
