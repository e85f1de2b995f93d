package images

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
)

// Manifest says what is in an image. It holds nothing of when and where the image was made.
type Manifest struct {
	Name      string       `json:"name"`      // of the application: the last element of its import path
	App       Program      `json:"app"`       // the application
	Init      Program      `json:"init"`      // PID 1
	Kernel    KernelFile   `json:"kernel"`    // vmlinux
	Initramfs DigestedFile `json:"initramfs"` // initramfs.cpio

	// RefuseAfterMS is how long a thread may wait for memory that the host does not grant before the
	// application is ended, in milliseconds; 0 = for ever.
	RefuseAfterMS int64 `json:"refuse_after_ms,omitempty"`
}

// Program is a program in an image. A program that is not written in Go has no package,
// module and version.
type Program struct {
	Package   string `json:"package,omitempty"` // import path
	Module    string `json:"module,omitempty"`
	Version   string `json:"version,omitempty"` // of the module; "(devel)" = a working tree
	GoVersion string `json:"go_version,omitempty"`
	BuildID   string `json:"build_id"` // SHA-256 of the program: the same source gives the same
	Size      int64  `json:"size"`     // bytes
}

// DigestedFile is a file of an image.
type DigestedFile struct {
	Digest string `json:"digest"` // SHA-256, in hexadecimal
	Size   int64  `json:"size"`   // bytes
}

// KernelFile is the kernel of an image.
type KernelFile struct {
	Version string `json:"version"` // "6.1.192"
	DigestedFile
}

// describeProgram reads from a program what it says of itself.
func describeProgram(file string) (Program, error) {
	d, err := digestFile(file)
	if err != nil {
		return Program{}, err
	}
	p := Program{BuildID: d.Digest, Size: d.Size}
	if info, err := buildinfo.ReadFile(file); err == nil {
		p.Package, p.GoVersion = info.Path, info.GoVersion
		m := moduleOf(info)
		p.Module, p.Version = m.Path, m.Version
	}
	return p, nil
}

// moduleOf returns the module that a program's main package is of: the main module, but for a program that
// was built by its path and version.
func moduleOf(info *debug.BuildInfo) *debug.Module {
	if info.Main.Path != scratchModule {
		return &info.Main
	}
	m := &info.Main
	for _, d := range info.Deps {
		if within := info.Path == d.Path || strings.HasPrefix(info.Path, d.Path+"/"); within && (m == &info.Main || len(d.Path) > len(m.Path)) {
			m = d
		}
	}
	return m
}

// majorVersion matches the last element of an import path such as example.org/store/v2.
var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// programName is how an application is called where nobody gave it a name.
func programName(p Program, file string) string {
	name := p.Package
	if name == "" || name == "command-line-arguments" { // no Go, or Go files by their names
		name = file
	}
	if majorVersion.MatchString(path.Base(name)) {
		name = path.Dir(name)
	}
	return path.Base(name)
}

// digestFile returns digest and size of a file.
func digestFile(file string) (DigestedFile, error) {
	info, err := os.Stat(file)
	if err != nil {
		return DigestedFile{}, err
	}
	digest, err := fileDigest(file)
	return DigestedFile{digest, info.Size()}, err
}

// verify returns a *DamagedError unless the file is the one described.
func (d DigestedFile) verify(file string) error {
	got, err := digestFile(file)
	switch {
	case err != nil:
		return &DamagedError{file, err.Error()}
	case got.Size != d.Size:
		return &DamagedError{file, fmt.Sprintf("it has %d bytes and should have %d", got.Size, d.Size)}
	case got.Digest != d.Digest:
		return &DamagedError{file, fmt.Sprintf("its digest is %s and should be %s", got.Digest, d.Digest)}
	}
	return nil
}
