package bench

import (
	"io/fs"
	"strconv"
	"strings"
)

const (
	balloons       = "bus/virtio/drivers/virtio_balloon/virtio*/features"
	reportingBit   = 5 // VIRTIO_BALLOON_F_REPORTING (Virtio 1.3, 5.5.3)
	reportingOrder = "module/page_reporting/parameters/page_reporting_order"
	noOrder        = 11 // larger than any block of free pages that Linux keeps on x86
)

// reportsFreePages reports, by what /sys says, whether this machine is itself a guest that gives its free pages to a host below. What is
// taken anew after that is paid for down there as well, only by mechanisms that give memory back.
func reportsFreePages(sys fs.FS) bool {
	if order, err := fs.ReadFile(sys, reportingOrder); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(order))); err == nil && n >= noOrder {
			return false
		}
	}
	devices, err := fs.Glob(sys, balloons)
	if err != nil {
		return false
	}
	for _, path := range devices {
		features, err := fs.ReadFile(sys, path)
		if err == nil && len(features) > reportingBit && features[reportingBit] == '1' {
			return true
		}
	}
	return false
}

// below is what the note of a figure says of that.
func below(sys fs.FS) string {
	if !reportsFreePages(sys) {
		return ""
	}
	return "; this machine gives its own free pages to a host below, where they are paid for again when they are taken (echo " +
		strconv.Itoa(noOrder) + " > /sys/" + reportingOrder + " keeps them)"
}
