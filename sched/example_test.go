package sched_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/silo-os/silo/sched"
)

// A pool sums up squares on as many vCPUs as there are.
func ExamplePool() {
	p := sched.NewPool(context.Background(), nil) // in a guest: guest.NewPool(ctx)
	var sum atomic.Int64
	for i := range int64(100) {
		p.Go(func(context.Context) error {
			sum.Add(i * i)
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sum.Load())
	// Output: 328350
}

// The first error ends the context of all others and is what Wait returns.
func ExamplePool_Wait() {
	p := sched.NewPool(context.Background(), nil)
	p.Go(func(context.Context) error { return fmt.Errorf("page 3 is torn") })
	p.Go(func(ctx context.Context) error {
		<-ctx.Done() // what it was waiting for is of no use any more
		return nil
	})
	fmt.Println(p.Wait())
	// Output: page 3 is torn
}

// Whoever sizes something by the number of vCPUs hears of each change.
func ExampleAgent_OnGrant() {
	agent := sched.New(sched.Config{Max: 4}, nil, func(sched.Statement) {}) // in a guest: guest.OnGrant
	buffers := 0
	agent.OnGrant(func(vcpus int) { buffers = 2 * vcpus })
	fmt.Println(buffers > 0)
	// Output: true
}
