package hvcalltest

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// tale tells people what goes on between a guest and a scripted host, a line for each change. The host's lock guards it.
type tale struct {
	to     io.Writer // nil = nobody listens
	start  time.Time
	demand hvcall.Demand // as last told
}

func (t *tale) line(format string, args ...any) {
	if t.to == nil {
		return
	}
	// Who does not want to hear it is no reason to stop.
	_, _ = fmt.Fprintf(t.to, "silo %7.3fs  %s\n", time.Since(t.start).Seconds(), fmt.Sprintf(format, args...))
}

func (t *tale) begin(now time.Time, g hvcall.Grant) {
	t.start = now
	t.line("starts with %s and %s", sizeWords(g.Memory), cpuWords(g.MilliCPU))
}

func (t *tale) demanded(d hvcall.Demand) {
	if d.Memory == t.demand.Memory && d.MilliCPU == t.demand.MilliCPU {
		return
	}
	t.demand = d
	t.line("demands %s and %s (%s)", sizeWords(d.Memory), cpuWords(d.MilliCPU), reasonWords(d.Reason))
}

func (t *tale) granted(before, g hvcall.Grant) {
	if g.Memory == before.Memory && g.MilliCPU == before.MilliCPU && g.Limit == before.Limit && g.Price == before.Price {
		return
	}
	why := ""
	switch g.Limit {
	case hvcall.LimitNone:
	case hvcall.LimitMaximum:
		why = ": its maximum"
	case hvcall.LimitReclaim:
		why = ": the host wants memory back"
	default:
		why = ": the host has no more"
	}
	if g.Price != before.Price {
		why += fmt.Sprintf(", price %d", g.Price)
	}
	t.line("granted %s and %s%s", sizeWords(g.Memory), cpuWords(g.MilliCPU), why)
}

func (t *tale) acted(a Act) { t.line("script: %s", a) }

func (t *tale) overrun(held, granted uint64) {
	t.line("HOLDS %s, and %s are granted: in a guest a thread would wait here", sizeWords(held), sizeWords(granted))
}

func (t *tale) moved(m Moved) {
	where := "is elsewhere now"
	if m.Stays {
		where = "stays, after all"
	}
	if m.Err != nil {
		where += fmt.Sprintf(", and did not prepare: %v", m.Err)
	}
	t.line("prepared for the move in %s; %s", m.Took.Round(time.Millisecond), where)
}

func sizeWords(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

func cpuWords(milli uint32) string {
	n := strconv.FormatFloat(float64(milli)/1000, 'g', -1, 64)
	if milli == 1000 {
		return n + " vCPU"
	}
	return n + " vCPUs"
}

func reasonWords(r hvcall.Reason) string {
	if r == hvcall.ReasonRunQueue {
		return "goroutines wait"
	}
	return r.String()
}
