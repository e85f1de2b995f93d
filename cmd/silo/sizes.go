package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alecthomas/units"
	"github.com/dustin/go-humanize"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
)

// span is a lower and an upper bound as given on the command line; most is 0 where it was left open.
type span struct{ least, most int64 }

// parseSpan reads MIN:MAX, MIN: (no bound but the host's) or one value for both.
func parseSpan(s string, value func(string) (int64, error)) (span, error) {
	low, high, ranged := strings.Cut(s, ":")
	least, err := value(low)
	if err != nil {
		return span{}, err
	}
	switch {
	case !ranged:
		return span{least, least}, nil
	case high == "":
		return span{least, 0}, nil
	}
	most, err := value(high)
	if err != nil {
		return span{}, err
	}
	if most < least {
		return span{}, fmt.Errorf("%s is less than %s: write MIN:MAX with the smaller one first", high, low)
	}
	return span{least, most}, nil
}

// memoryFlag is --memory.
type memoryFlag struct {
	span
	given bool
}

// forImage is m with as much as an image needs to boot, unless somebody said how much it is to have.
func (f *memoryFlag) forImage(m node.Memory, initramfs string) node.Memory {
	if f.given {
		return m
	}
	m.Min = max(m.Min, node.LeastMemory(initramfs))
	if m.Max != 0 {
		m.Max = max(m.Max, m.Min)
	}
	return m
}

// String implements pflag.Value.
func (f *memoryFlag) String() string {
	if f.most == 0 {
		return humanize.IBytes(uint64(f.least)) + ":"
	}
	return humanize.IBytes(uint64(f.least)) + ":" + humanize.IBytes(uint64(f.most))
}

// Type implements pflag.Value.
func (f *memoryFlag) Type() string { return "MIN:MAX" }

// Set implements pflag.Value.
func (f *memoryFlag) Set(s string) (err error) {
	f.span, err = parseSpan(s, parseSize)
	f.given = err == nil
	return err
}

// parseSize reads a size such as 48M, 2G, 1.5GiB or 512MB; K, M, G and T are powers of 1024. What a
// machine cannot have is refused here, where the error can name the flag.
func parseSize(s string) (int64, error) {
	n, err := parseBytes(s)
	if err != nil {
		return 0, err
	}
	if n%vmm.BlockSize != 0 {
		down := n / vmm.BlockSize * vmm.BlockSize
		near := humanize.IBytes(uint64(down + vmm.BlockSize))
		if down > 0 {
			near = humanize.IBytes(uint64(down)) + " or " + near
		}
		return 0, fmt.Errorf("%q is not a multiple of %s, the step of a guest's memory: use %s", s, humanize.IBytes(vmm.BlockSize), near)
	}
	return n, nil
}

// parseBytes reads a size.
func parseBytes(s string) (int64, error) {
	unit := strings.ToUpper(s)
	if strings.HasSuffix(unit, "K") || strings.HasSuffix(unit, "M") || strings.HasSuffix(unit, "G") || strings.HasSuffix(unit, "T") {
		unit += "iB"
	}
	unit = strings.ReplaceAll(unit, "IB", "iB")
	n, err := units.ParseBase2Bytes(unit)
	if err != nil || n <= 0 || n > 1<<50 {
		return 0, fmt.Errorf("%q is not a size: write it like 48M or 2G", s)
	}
	return int64(n), nil
}

// cpusFlag is --cpus, in thousandths.
type cpusFlag struct{ span }

// String implements pflag.Value.
func (f *cpusFlag) String() string {
	text := func(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'g', -1, 64) }
	if f.most == 0 {
		return text(f.least) + ":"
	}
	return text(f.least) + ":" + text(f.most)
}

// Type implements pflag.Value.
func (f *cpusFlag) Type() string { return "MIN:MAX" }

// Set implements pflag.Value.
func (f *cpusFlag) Set(s string) (err error) {
	f.span, err = parseSpan(s, parseCPUs)
	return err
}

// parseCPUs reads a number of vCPUs such as 2 or 0.5, in thousandths.
func parseCPUs(s string) (int64, error) {
	n, err := strconv.ParseFloat(s, 64)
	milli := math.Round(n * 1000)
	if err != nil || !(milli >= 1) || milli > vmm.MaxVCPUs*1000 {
		return 0, fmt.Errorf("%q is not a number of vCPUs: write it like 1, 0.5 or 2, at most %d", s, vmm.MaxVCPUs)
	}
	return int64(milli), nil
}
