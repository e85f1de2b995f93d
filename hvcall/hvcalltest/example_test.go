package hvcalltest_test

import (
	"context"
	"fmt"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// A guest under test asks a fake host for more than it may have.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	guest, rw := hvcall.Pipe()
	host := hvcalltest.NewHost(rw, hvcalltest.HostConfig{Policy: hvcalltest.UpTo(512<<20, hvcalltest.GrantAll)})
	go host.Serve(ctx)

	conn := hvcall.NewConn(guest, hvcall.Config{}) // the code under test
	go conn.Serve(ctx, func(context.Context, hvcall.Frame) ([]byte, error) { return nil, nil })
	conn.SendDemand(hvcall.Demand{Revision: 1, Memory: 1 << 30, MilliCPU: 1000})

	grant, err := host.Granted.Wait(ctx, nil)
	fmt.Println(grant.Memory>>20, "MiB, limit:", grant.Limit, err)
	// Output: 512 MiB, limit: host <nil>
}
