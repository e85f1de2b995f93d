package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/hvcall"
)

// Volume is something of a guest that outlives it, mounted before its application starts: a named volume of the
// node's store, or a folder of the host. One of Name and Dir is given.
type Volume struct {
	Name     string
	Dir      string // absolute
	Path     string // where the application finds it
	Size     int64  // bytes, for a named one that is to be made; 0 = the one it has, or volume.DefaultSize
	ReadOnly bool
}

// called is what people call the volume. Of a long path that is the end.
func (v Volume) called() string {
	if v.Name != "" {
		return v.Name
	}
	if tooLong := len(v.Dir) - hvcall.MaxVolumeName; tooLong > 0 {
		return strings.ToValidUTF8("…"+v.Dir[tooLong+len("…"):], "")
	}
	return v.Dir
}

// mostPath is the longest path of a volume in its guest, bytes.
const mostPath = 1024

// CheckVolumes returns a *SpecError for volumes that no guest can have.
func CheckVolumes(list []Volume) error {
	paths, names := make(map[string]bool), make(map[string]bool)
	for i, v := range list {
		bad := func(cause, fix string) error { return &SpecError{fmt.Sprintf("Volumes[%d]", i), cause, fix} }
		if why := hvcall.CheckVolumePath(v.Path); why != "" {
			return bad(fmt.Sprintf("%q: %s", v.Path, why), "give a path such as /data")
		}
		if len(v.Path) > mostPath {
			return bad(fmt.Sprintf("its path in the guest has %d bytes", len(v.Path)), fmt.Sprintf("use at most %d", mostPath))
		}
		if paths[v.Path] {
			return bad("another volume is at "+v.Path, "give each a path of its own")
		}
		if v.Name != "" && names[v.Name] {
			return bad(fmt.Sprintf("volume %s is there twice", v.Name), "leave one of the two out")
		}
		paths[v.Path], names[v.Name] = true, true
		switch {
		case (v.Name == "") == (v.Dir == ""):
			return bad("neither a name nor a folder, or both", "give one of them")
		case v.Dir != "" && !filepath.IsAbs(v.Dir):
			return bad(fmt.Sprintf("%q is not an absolute path", v.Dir), "give the whole path of the folder")
		case v.Dir != "" && v.Size != 0:
			return bad("a folder has no size", "leave the size out")
		case v.Dir != "":
			continue
		}
		if err := errors.Join(volume.CheckName(v.Name), volume.CheckSize(v.Name, v.Size)); err != nil {
			return err
		}
	}
	if len(list) > hvcall.MaxVolumes {
		return &SpecError{"Volumes", fmt.Sprintf("%d of them", len(list)), fmt.Sprintf("use at most %d", hvcall.MaxVolumes)}
	}
	return nil
}

// attach puts the volumes into the machine; those that are not there yet are made.
func attach(ctx context.Context, cfg *vmm.Config, list []Volume, store volume.Store) error {
	for _, v := range list {
		if v.Dir != "" {
			cfg.Shares = append(cfg.Shares, vmm.Share{Dir: v.Dir, ReadOnly: v.ReadOnly, Mapped: os.Geteuid() == 0 && !v.ReadOnly})
			continue
		}
		path, err := store.Use(ctx, v.Name, v.Size)
		if err != nil {
			return err
		}
		cfg.Disks = append(cfg.Disks, vmm.Disk{Path: path, ReadOnly: v.ReadOnly})
	}
	return nil
}

// ofVolume says of a disk that another guest has which volume it is.
func ofVolume(err error, cfg vmm.Config, list []Volume) error {
	var busy *vmm.DiskBusyError
	if !errors.As(err, &busy) {
		return err
	}
	disk := 0
	for _, v := range list {
		if v.Dir != "" {
			continue
		}
		if cfg.Disks[disk].Path == busy.Path {
			return &volume.BusyError{Name: v.Name}
		}
		disk++
	}
	return err
}

// told is what a guest is told of its volumes; it numbers disks and folders as attach does.
func told(list []Volume) (out []hvcall.Volume) {
	disks, shares := 0, 0
	for _, v := range list {
		t := hvcall.Volume{Name: v.called(), Path: v.Path, ReadOnly: v.ReadOnly}
		if v.Dir != "" {
			t.Share = vmm.ShareTag(shares)
			shares++
		} else {
			t.Disk = vmm.DiskSerial(disks)
			disks++
		}
		out = append(out, t)
	}
	return out
}
