package images

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// ErrKernelNotBuilt says that the cache holds no kernel for this source, these fragments and
// patches, and this compiler. BuildKernel builds it.
var ErrKernelNotBuilt = errors.New("the guest kernel is not built")

// Missing is something that a kernel build needs and the machine lacks.
type Missing struct {
	What    string // a file or a program
	Package string // the Debian package that brings it
}

// MissingError lists everything that a kernel build needs and the machine lacks.
type MissingError struct{ Missing []Missing }

// Error implements error.
func (e *MissingError) Error() string {
	var what, packages []string
	for _, m := range e.Missing {
		what = append(what, m.What)
		packages = append(packages, m.Package)
	}
	return fmt.Sprintf("build kernel: missing %s: run: apt-get install --no-install-recommends %s",
		strings.Join(what, ", "), strings.Join(packages, " "))
}

// OptionsError lists kernel options of the fragments that the kernel's own configuration
// did not keep: they do not exist in this source, or something they need is off.
type OptionsError struct{ Options []string }

// Error implements error.
func (e *OptionsError) Error() string {
	return "configure kernel: options did not survive: " + strings.Join(e.Options, ", ") +
		": correct the fragments in images/kernel for this kernel source"
}

// SpaceError says that a build has no room, or would have none.
type SpaceError struct {
	Dir  string
	Free int64 // bytes free there
	Need int64 // bytes that the build needs; 0 = not known, it ran out
	Err  error // what failed for it; nil = nothing was begun
}

// Error implements error.
func (e *SpaceError) Error() string {
	var cause string
	if e.Err != nil {
		cause = ": " + e.Err.Error()
	}
	need := "more room"
	if e.Need > 0 {
		need = humanize.IBytes(uint64(e.Need))
	}
	return fmt.Sprintf("no room in %s: %s free, the build needs %s: free some, or choose another folder (%s for the cache, GOTMPDIR for Go's)%s",
		e.Dir, humanize.IBytes(uint64(e.Free)), need, cacheEnv, cause)
}

// Unwrap returns the cause.
func (e *SpaceError) Unwrap() error { return e.Err }

// CommandError is a program that a build ran and that failed: make, tar, go.
type CommandError struct {
	Doing  string // "compile kernel", "compile ./myapp"
	Output string // what it said, or the end of it
	Log    string // the file with all it said; "" = Output is all
	Err    error  // how it ended
}

// Error implements error.
func (e *CommandError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.Doing, e.Err)
	if out := strings.TrimSpace(e.Output); out != "" {
		b.WriteString(":\n" + out)
	}
	if e.Log != "" {
		fmt.Fprintf(&b, "\n(all of it is in %s until the next build)", e.Log)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// NotMainError says that a package cannot be an application because it is not named main.
type NotMainError struct{ ImportPath, Name string }

// Error implements error.
func (e *NotMainError) Error() string {
	return fmt.Sprintf("build image: package %s is named %s, not main: name the folder of a program", e.ImportPath, e.Name)
}

// NoPackageError says that nothing is where the application was said to be.
type NoPackageError struct {
	Package string
	Dir     string // where it was looked for
	Detail  string // what the go command said
}

// Error implements error.
func (e *NoPackageError) Error() string {
	return fmt.Sprintf("build image: no package %s seen from %s: %s", e.Package, e.Dir, e.Detail)
}

// NotStaticError says that a program cannot run as the only one in a guest.
type NotStaticError struct{ Path, Reason string }

// Error implements error.
func (e *NotStaticError) Error() string {
	return fmt.Sprintf("build image: %s is no static program for linux/amd64: %s: build it with CGO_ENABLED=0 GOOS=linux GOARCH=amd64",
		e.Path, e.Reason)
}

// DamagedError says that an image or a kernel is not what its manifest says.
type DamagedError struct{ Path, Reason string }

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("open %s: %s: build it again", e.Path, e.Reason)
}
