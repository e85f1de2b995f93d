package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/volume"
)

// localVolumes is where the volumes are of guests without a node: where a node of this user has them by default.
func localVolumes(stateDir string) volume.Store {
	return volume.Store{Dir: filepath.Join(stateDir, "volumes")}
}

// volumesFlag is -v, as often as it is given.
type volumesFlag []node.Volume

// String implements pflag.Value.
func (f *volumesFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *volumesFlag) Type() string { return "NAME:/PATH[,size=SIZE][,ro]" }

// Set implements pflag.Value.
func (f *volumesFlag) Set(s string) error {
	v, err := parseVolume(s)
	if err != nil {
		return err
	}
	*f = append(*f, v)
	return nil
}

// parseVolume reads NAME:/PATH or DIR:/PATH, and options behind commas; what begins with a dot or a slash is a folder.
func parseVolume(s string) (v node.Volume, err error) {
	bad := func(why string, args ...any) (node.Volume, error) {
		return node.Volume{}, fmt.Errorf("%q: %s: write it like data:/data, data:/data,size=2G or ./site:/site,ro", s, fmt.Sprintf(why, args...))
	}
	mount, options, _ := strings.Cut(s, ",")
	source, path, ok := strings.Cut(mount, ":")
	if !ok || source == "" || path == "" {
		return bad("not SOURCE:/PATH")
	}
	v.Path = path
	if strings.HasPrefix(source, ".") || strings.HasPrefix(source, "/") {
		if v.Dir, err = filepath.Abs(source); err != nil {
			return bad("%v", err)
		}
	} else {
		v.Name = source
	}
	for option := range strings.SplitSeq(options, ",") {
		key, value, valued := strings.Cut(option, "=")
		if key == "ro" && valued {
			return bad("ro takes no value")
		}
		switch key {
		case "":
		case "ro":
			v.ReadOnly = true
		case "size":
			if v.Size, err = parseBytes(value); err != nil {
				return bad("%v", err)
			}
		default:
			return bad("%q is not an option", option)
		}
	}
	err = node.CheckVolumes([]node.Volume{v})
	var wrong *node.SpecError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("%q: %s: %s", s, wrong.Cause, wrong.Fix)
	}
	return v, err
}

// checkFolders sees to it that folders that are to be mounted are there.
func checkFolders(list []node.Volume) error {
	for _, v := range list {
		if v.Dir == "" {
			continue
		}
		info, err := os.Stat(v.Dir)
		if err != nil {
			return fmt.Errorf("mount folder: %w: make it first, or leave out the ./ for a named volume", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("mount folder: %s is not a folder: name the one that it is in", v.Dir)
		}
	}
	return nil
}
