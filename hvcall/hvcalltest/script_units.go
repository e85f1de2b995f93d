package hvcalltest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mostMemory is the most bytes that the protocol can name.
const mostMemory = 1 << 50

// sizeUnits are powers of 1024, the largest first.
var sizeUnits = []struct {
	letter string
	bytes  uint64
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

// parseSize reads a size such as 48M, 2G or 4096.
func parseSize(s string) (uint64, error) {
	digits, unit := s, uint64(1)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(strings.ToUpper(s), u.letter); ok {
			digits, unit = d, u.bytes
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || n > mostMemory/unit {
		return 0, fmt.Errorf("%q is not a size: write it like 48M or 2G", s)
	}
	return n * unit, nil
}

// sizeText writes a size as parseSize reads it.
func sizeText(n uint64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatUint(n/u.bytes, 10) + u.letter
		}
	}
	return strconv.FormatUint(n, 10)
}

// mostCPUs is the most vCPUs that the protocol can name, by the Hello.
const mostCPUs = 1048

// parseCPUs reads a number of vCPUs such as 2 or 0.5, in thousandths.
func parseCPUs(s string) (uint32, error) {
	n, err := strconv.ParseFloat(s, 64)
	milli := math.Round(n * 1000)
	if err != nil || !(milli >= 1) || milli > mostCPUs*1000 {
		return 0, fmt.Errorf("%q is not a number of vCPUs: write it like 1, 0.5 or 2", s)
	}
	return uint32(milli), nil
}

// cpusText writes thousandths as parseCPUs reads them.
func cpusText(milli uint32) string { return strconv.FormatFloat(float64(milli)/1000, 'g', -1, 64) }
