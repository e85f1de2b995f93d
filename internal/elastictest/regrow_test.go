package elastictest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/silo-os/silo/hvcall"
)

// TestWhatGrowsBack: memory that was given back, and is given again by the guest's kernel or by the host, is full of zeros although the
// kernel does not clear all of it, and it comes in huge pages although something was kept in the place of each.
func TestWhatGrowsBack(t *testing.T) {
	t.Parallel()
	const cycles = 4
	r := boot(t, setup{name: "regrow", most: 512 * mib}, strconv.Itoa(cycles))
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 || !strings.Contains(r.out.String(), "all as it was") {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	full := regexp.MustCompile(`full \d: (\d+) MiB`).FindAllStringSubmatch(r.out.String(), -1)
	if len(full) != cycles {
		t.Errorf("filled %d times, want %d", len(full), cycles)
	}
	for i, m := range full {
		if huge, err := strconv.Atoi(m[1]); err != nil || i > 0 && huge < 192 {
			t.Errorf("filled for the %d. time: %s MiB of 256 in huge pages, want most (%v)", i+1, m[1], err)
		}
	}
}
