// Package auto makes an application elastic by being imported:
//
//	import _ "github.com/silo-os/silo/runtime/auto"
//
// It connects to PID 1 before main runs and governs the heap and the width of the Go scheduler
// from then on. Outside a silo guest it does nothing at all.
package auto

import (
	"fmt"
	"os"

	"github.com/silo-os/silo/runtime"
)

func init() {
	// An application must not fail for want of elasticity: PID 1 governs it from outside then.
	if _, err := runtime.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "silo:", err)
	}
}
