package pid1

import (
	"bytes"
	"fmt"
	"time"
)

// parsePressure takes the total, in microseconds, from the line "some avg10=… total=…" of a pressure file: for how long
// at least one thread waited.
func parsePressure(b []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	_, total, ok := bytes.Cut(line, []byte("total="))
	n, isNumber := number(total)
	if !ok || !isNumber || !bytes.HasPrefix(line, []byte("some ")) {
		return 0, fmt.Errorf("read pressure: %q is not a line of it", line)
	}
	return time.Duration(n) * time.Microsecond, nil
}
