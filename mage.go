//go:build ignore

// This program runs silo's targets on a machine without mage: go run mage.go TARGET.
// The targets are in magefiles; without TARGET they are listed.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/magefile/mage/mage"
)

func main() {
	if err := withoutPaths(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(mage.Main())
}

// withoutPaths has the go command leave the folder of this checkout out of all that it makes, so that a second checkout finds
// the same in the cache in place of compiling the module, and checking it, anew.
func withoutPaths() error {
	flags, err := exec.Command("go", "env", "GOFLAGS").Output() // which need not be in the environment
	if err != nil {
		return fmt.Errorf("find the go command's flags: %w", err)
	}
	return os.Setenv("GOFLAGS", strings.TrimSpace(string(flags)+" -trimpath"))
}
