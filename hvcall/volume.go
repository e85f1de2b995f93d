package hvcall

import (
	"path"
	"strings"
)

// Volume is something that outlives the guest and is mounted in it before the application starts: a
// file system of its own on a disk, or a folder of the host.
type Volume struct {
	Name     string `json:"name"`                // for people
	Path     string `json:"path"`                // where the application finds it; see [CheckVolumePath]
	Disk     string `json:"disk,omitempty"`      // serial number of a virtio disk with an ext4 file system
	Share    string `json:"share,omitempty"`     // tag of a folder spoken to by 9P; exactly one of the two is given
	ReadOnly bool   `json:"read_only,omitempty"` // nothing is written to it
}

// MaxVolumeName is the longest name of a volume, bytes.
const MaxVolumeName = maxNameLength

// MaxVolumes is the most volumes that a guest may have.
const MaxVolumes = 16

// kernelFolders are what a guest itself lives in.
var kernelFolders = []string{"/proc", "/sys", "/dev", "/app", "/init"}

// CheckVolumePath says what is wrong with a path for a volume, "" = nothing: it must be absolute and clean,
// and neither the root of the guest nor within what the guest itself lives in.
func CheckVolumePath(p string) string {
	switch {
	case !path.IsAbs(p) || strings.ContainsRune(p, 0):
		return "it is not an absolute path"
	case path.Clean(p) != p:
		return "write it as " + path.Clean(p)
	case p == "/":
		return "a volume cannot be the whole of the guest"
	}
	for _, dir := range kernelFolders {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return dir + " is the guest's own"
		}
	}
	return ""
}

// checkVolumes checks what stands in a Welcome.
func checkVolumes(list []Volume) error {
	if len(list) > MaxVolumes {
		return &FrameError{Field: "welcome volumes", Value: uint64(len(list)), Why: "too many"}
	}
	for i, v := range list {
		switch why := CheckVolumePath(v.Path); {
		case why != "":
			return &FrameError{Field: "welcome volume path", Value: uint64(i), Why: why}
		case (v.Disk == "") == (v.Share == ""):
			return &FrameError{Field: "welcome volume", Value: uint64(i), Why: "neither or both of a disk and a share"}
		case len(v.Name) > maxNameLength || len(v.Disk) > maxNameLength || len(v.Share) > maxNameLength:
			return &FrameError{Field: "welcome volume name", Value: uint64(i), Why: "too long"}
		}
	}
	return nil
}
