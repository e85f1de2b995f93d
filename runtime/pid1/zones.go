package pid1

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readKept is what the kernel keeps of its zones from an application, in bytes: in each zone its low
// watermark, below which it begins to reclaim, and what it protects of it from pages that could be in another.
func readKept() (int64, error) {
	b, err := os.ReadFile("/proc/zoneinfo")
	if err != nil {
		return 0, fmt.Errorf("read zones: %w", err)
	}
	pages, err := parseKept(string(b))
	return pages * int64(unix.Getpagesize()), err
}

// parseKept adds up the lines "low N" and the largest in each "protection: (N, N)", in pages.
func parseKept(s string) (pages int64, err error) {
	zones := 0
	for line := range strings.Lines(s) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var n int64
		switch key {
		case "low":
			zones++
			n, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		case "protection:":
			n, err = largest(strings.Trim(value, "()"))
		}
		if err != nil {
			return 0, fmt.Errorf("read zones: %q: %w", strings.TrimSpace(line), err)
		}
		pages += n
	}
	if zones == 0 {
		return 0, fmt.Errorf("read zones: there is none")
	}
	return pages, nil
}

func largest(list string) (most int64, err error) {
	for item := range strings.SplitSeq(list, ", ") {
		n, err := strconv.ParseInt(item, 10, 64)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}
