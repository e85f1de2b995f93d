//go:build ignore

// This program runs silo's targets on a machine without mage: go run mage.go TARGET.
// The targets are in magefiles; without TARGET they are listed.
package main

import (
	"os"

	"github.com/magefile/mage/mage"
)

func main() { os.Exit(mage.Main()) }
