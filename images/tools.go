package images

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// tool is a program that a kernel build runs.
type tool struct{ name, packageName string }

// kernelTools is what a kernel build runs beyond the shell's own company.
var kernelTools = []tool{
	{"gcc", "gcc"}, {"ld", "binutils"}, {"make", "make"}, {"flex", "flex"}, {"bison", "bison"},
	{"bc", "bc"}, {"tar", "tar"}, {"xz", "xz-utils"}, {"git", "git"},
}

// kernelHeaders is what the kernel's own tools include.
var kernelHeaders = []tool{{"stdlib.h", "libc6-dev"}}

// requireKernelBuild returns a *MissingError that lists all that a kernel build lacks here.
func requireKernelBuild(ctx context.Context, source string) error {
	var missing []Missing
	if _, err := os.Stat(source); err != nil {
		missing = append(missing, Missing{source, sourcePackage})
	}
	for _, t := range kernelTools {
		if _, err := exec.LookPath(t.name); err != nil {
			missing = append(missing, Missing{t.name, t.packageName})
		}
	}
	for _, h := range kernelHeaders {
		if !hasHeader(ctx, h.name) {
			missing = append(missing, Missing{h.name, h.packageName})
		}
	}
	if missing != nil {
		return &MissingError{missing}
	}
	return nil
}

// hasHeader tells whether the compiler finds a header; without a compiler, whether it is
// where distributions put it.
func hasHeader(ctx context.Context, name string) bool {
	if _, err := exec.LookPath("gcc"); err != nil {
		_, err := os.Stat("/usr/include/" + name)
		return err == nil
	}
	cmd := exec.CommandContext(ctx, "gcc", "-E", "-o", os.DevNull, "-")
	cmd.Stdin = strings.NewReader("#include <" + name + ">\n")
	return cmd.Run() == nil
}
