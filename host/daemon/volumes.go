package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/volume"
)

// volumesDir is where in the state folder named volumes are.
const volumesDir = "volumes"

func (d *Daemon) volumes() volume.Store {
	return volume.Store{Dir: filepath.Join(d.cfg.Dir, volumesDir)}
}

// Volumes lists the volumes by name.
func (d *Daemon) Volumes() ([]nodeapi.Volume, error) {
	all, err := d.volumes().List()
	if err != nil {
		return nil, err
	}
	shown := make([]nodeapi.Volume, len(all))
	for i, v := range all {
		shown[i] = nodeapi.Volume(v)
	}
	return shown, nil
}

// RemoveVolume removes a volume that no guest uses, with all it holds.
func (d *Daemon) RemoveVolume(ctx context.Context, name string) error {
	return d.volumes().Remove(ctx, name)
}

// mounts are a spec's volumes in the node's words.
func mounts(list []nodeapi.Mount) (out []node.Volume) {
	for _, m := range list {
		out = append(out, node.Volume{Name: m.Volume, Dir: m.Dir, Path: m.Path, Size: m.Size, ReadOnly: m.ReadOnly})
	}
	return out
}

// checkMounts refuses volumes that no guest of this daemon can have. apart says that machines run as users of their own.
func checkMounts(list []nodeapi.Mount, apart bool) error {
	if err := node.CheckVolumes(mounts(list)); err != nil {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "%v", err)
	}
	for _, m := range list {
		if m.Dir == "" {
			continue
		}
		if apart {
			return nodeapi.Refuse(nodeapi.CodeInvalid, "volumes: folder %s: guests of this node run as users without rights to any folder: "+
				"use a named volume, or silo run --alone", m.Dir)
		}
		if info, err := os.Stat(m.Dir); err != nil || !info.IsDir() {
			return nodeapi.Refuse(nodeapi.CodeInvalid, "volumes: %q is no folder on the node's machine", m.Dir)
		}
	}
	return nil
}

// refusesVolume is the code of an error of package volume; "" = it is none.
func refusesVolume(err error) nodeapi.Code {
	switch {
	case errors.As(err, new(*volume.NameError)), errors.As(err, new(*volume.SizeError)):
		return nodeapi.CodeInvalid
	case errors.As(err, new(*volume.NotFoundError)):
		return nodeapi.CodeNotFound
	case errors.As(err, new(*volume.BusyError)):
		return nodeapi.CodeState
	}
	return ""
}
