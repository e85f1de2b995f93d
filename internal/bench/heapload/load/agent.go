package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usageEvery is how often the agent samples.
const usageEvery = 100 * time.Millisecond

// agent tells the guest's usage as the agent of an outside poller does, for as long as the program
// lives.
func agent(t *teller) error {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	go func() {
		defer f.Close()
		buf := make([]byte, 4<<10)
		for ; ; time.Sleep(usageEvery) {
			n, _ := f.ReadAt(buf, 0) // it ends in io.EOF
			if used, total, err := parseUsage(buf[:n]); err == nil {
				t.tell(Event{Kind: Usage, Used: used, Total: total})
			}
		}
	}()
	return nil
}

// parseUsage reads what is used and what there is, in bytes. Used is what is not available: files in
// memory that can be dropped are no reason to grow.
func parseUsage(meminfo []byte) (used, total int64, err error) {
	total, err = field(meminfo, "MemTotal:")
	if err != nil {
		return 0, 0, err
	}
	available, err := field(meminfo, "MemAvailable:")
	return total - available, total, err
}

func field(meminfo []byte, name string) (int64, error) {
	_, rest, ok := bytes.Cut(meminfo, []byte(name))
	if !ok {
		return 0, fmt.Errorf("read usage: no %s", name)
	}
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read usage: %s %w", name, err)
	}
	return n << 10, nil
}
