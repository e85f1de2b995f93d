package bench

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/bench/heapload/load"
)

func TestWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWords(time.Now())
		for _, piece := range []string{
			"[    1.0] Linux\n{\"kind\":\"start\",\"at\":0.1,\"bytes\":0}\n{\"kind\":\"us", "age\",\"at\":1,\"bytes\":0,\"used\":7,\"total\":9}\r\n",
			"[    2.0] noise {\"kind\":\"dropped\",\"at\":3,\"bytes\":5}\n{broken\n\n",
		} {
			time.Sleep(time.Second)
			if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		heard := w.all()
		if len(heard) != 3 || heard[0].Kind != load.Start || heard[0].at != time.Second || heard[1].Used != 7 || heard[1].at != 2*time.Second {
			t.Errorf("heard %+v", heard)
		}
		if d, ok := last(heard, load.Dropped); !ok || d.Bytes != 5 {
			t.Errorf("dropped %+v, %v", d, ok)
		}
		if _, ok := first(heard, load.Done); ok {
			t.Error("heard what nobody said")
		}
		if got := strings.Join(w.rest(), "|"); got != "[    1.0] Linux|{broken" {
			t.Errorf("the rest is %q", got)
		}
		if some, _ := w.since(2); len(some) != 1 {
			t.Errorf("%d words from the third on", len(some))
		}
		_, more := w.since(3)
		w.Write([]byte(strings.Repeat("x", 3*longestLine) + "\n{\"kind\":\"done\"}\n"))
		<-more
		if len(w.rest()) > otherLines {
			t.Error("kept too much")
		}
	})
}

func TestTail(t *testing.T) {
	var k tail
	for range 5000 {
		k.Write([]byte("a line of the guest's\n"))
	}
	k.Write([]byte("the last\n"))
	if got := k.lines(); len(got) != consoleLines || got[len(got)-1] != "the last" || len(k.b) > 2*tailRoom {
		t.Errorf("%d lines, the last %q, %d bytes kept", len(got), got[len(got)-1], len(k.b))
	}
}

func TestStarved(t *testing.T) {
	for _, c := range []struct {
		hvcall.Exit
		want bool
	}{
		{hvcall.Exit{Cause: hvcall.CauseMemory}, true}, {hvcall.Exit{Cause: hvcall.CauseRefused}, true},
		{hvcall.Exit{Cause: hvcall.CauseKernel, Text: "guest kernel panicked: System is deadlocked on memory"}, true},
		{hvcall.Exit{Cause: hvcall.CauseKernel, Text: "guest kernel panicked: Fatal exception"}, false},
		{hvcall.Exit{Cause: hvcall.CauseExit, Code: 1}, false},
	} {
		if why, got := starved(c.Exit); got != c.want || !strings.Contains(why, string(c.Cause)) {
			t.Errorf("%+v: %s, %v", c.Exit, why, got)
		}
	}
}
