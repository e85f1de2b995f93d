package bench

import (
	"testing"
	"testing/fstest"
)

func TestReportsFreePages(t *testing.T) {
	const device = "bus/virtio/drivers/virtio_balloon/virtio0/features"
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, c := range map[string]struct {
		sys  fstest.MapFS
		want bool
	}{
		"no guest":         {fstest.MapFS{reportingOrder: file("9\n")}, false},
		"balloon alone":    {fstest.MapFS{device: file("0110000\n"), reportingOrder: file("9\n")}, false},
		"reporting":        {fstest.MapFS{device: file("0110010\n"), reportingOrder: file("9\n")}, true},
		"its older kernel": {fstest.MapFS{device: file("0000010\n")}, true},
		"switched off":     {fstest.MapFS{device: file("0110010\n"), reportingOrder: file("11\n")}, false},
		"cut off":          {fstest.MapFS{device: file("011\n"), reportingOrder: file("9\n")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reportsFreePages(c.sys); got != c.want || (below(c.sys) != "") != c.want {
				t.Errorf("%t and %q, want %t", got, below(c.sys), c.want)
			}
		})
	}
}
