package pid1

import (
	"bytes"
	"fmt"
)

// parseKept reads in /proc/zoneinfo what the kernel keeps of its zones from an application, in pages: in each zone its low
// watermark ("low N"), below which it begins to reclaim, and what it protects of it from pages that could be in
// another (the largest in "protection: (N, N)").
func parseKept(b []byte) (pages int64, err error) {
	zones := 0
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		n, ok := int64(0), true
		switch string(key) {
		case "low":
			zones++
			n, ok = number(bytes.TrimSpace(value))
		case "protection:":
			n, ok = largest(bytes.Trim(value, "()"))
		}
		if !ok {
			return 0, fmt.Errorf("read zones: %q is not understood", bytes.TrimSpace(line))
		}
		pages += n
	}
	if zones == 0 {
		return 0, fmt.Errorf("read zones: there is none")
	}
	return pages, nil
}

func largest(list []byte) (most int64, ok bool) {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(", "))
		n, ok := number(item)
		if !ok {
			return 0, false
		}
		most = max(most, n)
	}
	return most, true
}
