package pid1

import (
	"fmt"
	"os"
	"strings"
)

// bringOnline starts vCPU n, which takes tens of milliseconds the first time. One that runs already
// is left alone.
func bringOnline(n int) error {
	path := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", n)
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("bring vCPU %d online: %w", n, err)
	}
	if strings.TrimSpace(string(b)) == "1" {
		return nil
	}
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		return fmt.Errorf("bring vCPU %d online: %w", n, err)
	}
	return nil
}

// wholeCPUs is how many vCPUs it takes to use so many thousandths: at least one.
func wholeCPUs(milli uint32) int { return max(1, int(milli+999)/1000) }
