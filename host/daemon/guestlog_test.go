package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/host/nodeapi"
)

func readAll(t interface{ Fatal(...any) }, l *guestLog, after int64) (all []nodeapi.LogRecord) {
	err := l.read(context.Background(), nodeapi.LogQuery{After: after}, func(r nodeapi.LogRecord) error { all = append(all, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestLogKeepsTheNewest: through rotations, and a writer that is cut off and begins anew, what is kept is the end of what
// was written, without a gap.
func TestLogKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "log")
		if err != nil {
			t.Fatal(err)
		}
		var l *guestLog
		open := func() {
			if l, err = openLog(dir); err != nil {
				rt.Fatal(err)
			}
			l.room = 2000
		}
		open()
		written := 0
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0: // killed, in the middle of a record
				l.file.WriteString(`{"seq":99,"da`)
				l.close()
				open()
			default:
				size := rapid.IntRange(0, 300).Draw(rt, "size")
				if err := l.add("out", fmt.Appendf(nil, "%d %s", written, strings.Repeat("x", size))); err != nil {
					rt.Fatal(err)
				}
				written++
			}
		}
		got := readAll(rt, l, 0)
		for i, r := range got {
			n := written - len(got) + i
			if r.Seq != int64(n+1) || !strings.HasPrefix(string(r.Data), fmt.Sprintf("%d ", n)) {
				rt.Fatalf("record %d of %d is %d: %.20s", i, len(got), r.Seq, r.Data)
			}
		}
		if written > 0 && len(got) == 0 {
			rt.Fatal("nothing was kept")
		}
		if len(got) > 2 {
			if rest := readAll(rt, l, got[len(got)-3].Seq); len(rest) != 2 {
				rt.Fatalf("%d records after the last but two", len(rest))
			}
		}
		l.close()
	})
}
