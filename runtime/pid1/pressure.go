package pid1

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// readPressure is for how long, since boot, at least one thread waited for memory to be reclaimed.
func readPressure() (time.Duration, error) {
	b, err := os.ReadFile("/proc/pressure/memory")
	if err != nil {
		return 0, fmt.Errorf("read memory pressure: %w", err)
	}
	return parsePressure(b)
}

// parsePressure takes the total, in microseconds, from the line "some avg10=… total=…".
func parsePressure(b []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	_, total, ok := bytes.Cut(line, []byte("total="))
	n, err := strconv.ParseInt(string(total), 10, 64)
	if !ok || err != nil || !bytes.HasPrefix(line, []byte("some ")) {
		return 0, fmt.Errorf("read pressure: %q is not a line of it", line)
	}
	return time.Duration(n) * time.Microsecond, nil
}
