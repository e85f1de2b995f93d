package broker

import (
	"errors"
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

const (
	defaultWeight = 100
	maxWeight     = 10_000 // keeps weight × blocks far from overflow
	maxMemory     = hvcall.MaxMemory
	maxMilli      = 1 << 20
)

// Bounds are what a guest is promised and allowed. All but Boot may change while it runs.
type Bounds struct {
	Boot     int64  `json:"boot"`      // bytes present from boot on, never taken away
	Min      int64  `json:"min"`       // guaranteed bytes; less than Boot means Boot
	Max      int64  `json:"max"`       // most bytes ever; 0 = Min
	MinMilli int64  `json:"min_milli"` // guaranteed thousandths of a vCPU; 0 = 1000, or MaxMilli if that is less
	MaxMilli int64  `json:"max_milli"` // most thousandths ever; 0 = MinMilli
	Weight   uint32 `json:"weight"`    // share when there is not enough for all; 0 = 100, at most 10,000

	Fixed bool `json:"fixed,omitempty"` // it cannot move to another host; does not change
}

// normal fills in the defaults and rounds to what the device can hold: boot memory and whole blocks.
func (b Bounds) normal(block int64) (Bounds, error) {
	if b.Boot <= 0 || b.Min < 0 || b.Max < 0 || b.MinMilli < 0 || b.MaxMilli < 0 {
		return b, errors.New("bounds must be positive")
	}
	if b.Boot > maxMemory || b.Min > maxMemory || b.Max > maxMemory || b.MinMilli > maxMilli || b.MaxMilli > maxMilli || b.Weight > maxWeight {
		return b, errors.New("bounds out of range")
	}
	b.Min = roundUp(max(b.Min, b.Boot), b.Boot, block)
	if b.Max == 0 {
		b.Max = b.Min
	}
	b.Max = roundDown(b.Max, b.Boot, block)
	if b.MinMilli == 0 {
		b.MinMilli = 1000
		if b.MaxMilli > 0 {
			b.MinMilli = min(b.MinMilli, b.MaxMilli)
		}
	}
	if b.MaxMilli == 0 {
		b.MaxMilli = b.MinMilli
	}
	if b.Weight == 0 {
		b.Weight = defaultWeight
	}
	if b.Max < b.Min {
		return b, fmt.Errorf("at most %s of memory is less than at least %s", size(b.Max), size(b.Min))
	}
	if b.MaxMilli < b.MinMilli {
		return b, fmt.Errorf("at most %d mCPU is less than at least %d mCPU", b.MaxMilli, b.MinMilli)
	}
	return b, nil
}

// roundUp returns the smallest size of boot memory and whole blocks that holds n.
func roundUp(n, boot, block int64) int64 {
	if n <= boot {
		return boot
	}
	return boot + (n-boot+block-1)/block*block
}

// roundDown returns the largest size of boot memory and whole blocks within n.
func roundDown(n, boot, block int64) int64 {
	if n <= boot {
		return n
	}
	return boot + (n-boot)/block*block
}

// boundsChanged gives a guest other bounds, or says why not. What it wants is worked out from its demand anew.
func (b *Broker) boundsChanged(g *member, e BoundsChanged) {
	e.Bounds.Boot, e.Bounds.Fixed = g.Bounds.Boot, g.Bounds.Fixed
	bounds, err := e.Bounds.normal(b.cfg.Block)
	if err == nil {
		err = b.fits(bounds, g.Bounds)
	}
	if err != nil {
		b.do(BoundsDenied{Guest: g.ID, Why: err.Error()})
		return
	}
	g.Bounds = bounds
	b.want(g)
	b.do(BoundsSet{Guest: g.ID, Bounds: bounds})
}
