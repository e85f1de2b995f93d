package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// steadyShares are the loads that do not change, percent of two vCPUs: well within one, nearly all of one,
// and between one and two.
var steadyShares = []int{20, 45, 75}

const (
	steadyWarm = 5 * time.Second // until the guest has what it needs
	steadyTime = 20 * time.Second
)

// measureSteady counts the changes of GOMAXPROCS under loads that do not change, as seen from inside.
func measureSteady(ctx context.Context, s cpuSubject, cfg Config) (_ []Result, err error) {
	g, err := startSiloCPU(ctx, s, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	var rates []float64
	total := 0.0
	for _, share := range steadyShares {
		var changes [2]int
		for i, d := range []time.Duration{steadyWarm, steadyTime} {
			if err := g.Order(fmt.Sprintf("steady %d %d", share, d.Milliseconds())); err != nil {
				return nil, err
			}
			e, err := g.Event(ctx, "steady")
			if err != nil {
				return nil, err
			}
			changes[i] = e.Changes
		}
		fmt.Fprintf(cfg.Out, "steady %d %%   %d changes in the first %v, %d in the %v after, %d thousandths granted\n",
			share, changes[0], steadyWarm, changes[1], steadyTime, g.Observe().GrantedMilli)
		rates = append(rates, float64(changes[1])*float64(time.Minute)/float64(steadyTime))
		total += float64(changes[1])
	}
	minutes := float64(len(steadyShares)) * steadyTime.Minutes()
	r, err := steadyChanges.With(total/minutes, rates, fmt.Sprintf("GOMAXPROCS looked at each millisecond in a guest of two vCPUs, %v each at %v %% of both, after %v of the same",
		steadyTime, steadyShares, steadyWarm))
	return []Result{r}, err
}
