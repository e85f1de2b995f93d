package hvcalltest

import (
	"fmt"
	"strings"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Script is what a scripted host has, and what it does in the course of time. It is a plain value; [ParseScript]
// reads one from text and String writes it. The zero value is a host that grants everything.
type Script struct {
	Memory hvcall.MemoryBounds // granted from the start, and at most, bytes; zero = those of DefaultWelcome
	CPU    hvcall.CPUBounds    // the same of vCPUs, in thousandths
	Steps  []Step              // in the order of time
}

// Step is one thing that a scripted host does.
type Step struct {
	At time.Duration // since the guest said Hello
	Do Act
}

// Act is what a Step does. Those of this package are all there are. An act that changes what may be
// granted has the newest demand answered anew.
type Act interface {
	String() string // as it stands in a script
	check(Script) error
	play(*Host)
}

// Granting has everything granted at once, as before the first step; the price stays.
type Granting struct{}

// Refusing has no more granted than the guest has. What it gives back is taken.
type Refusing struct{}

// Delaying has each demand answered so much later.
type Delaying struct{ By time.Duration }

// Limiting bounds what is granted from now on. A guest that has more is told to give it back.
type Limiting struct {
	Memory   uint64 // bytes; 0 = as it was
	MilliCPU uint32 // thousandths of a vCPU; 0 = as it was
}

// Shrinking takes memory back, and grants no more than that until the next Granting, Limiting or Shrinking.
type Shrinking struct {
	To     uint64        // bytes
	Within time.Duration // whole milliseconds; 0 = no hurry
}

// Pricing sets the price of memory, in the unit of [hvcall.Grant].
type Pricing struct{ Price uint64 }

// Stealing says that others on the host took so many thousandths of the granted vCPU time; 0 = it is over.
type Stealing struct{ Taken uint32 }

// String is the step as a line of a script.
func (s Step) String() string { return fmt.Sprintf("at %s %s", s.At, s.Do) }

// String is the script as [ParseScript] reads it.
func (s Script) String() string {
	var b strings.Builder
	if s.Memory != (hvcall.MemoryBounds{}) {
		fmt.Fprintf(&b, "memory %s:%s\n", sizeText(s.Memory.Boot), sizeText(s.Memory.Max))
	}
	if s.CPU != (hvcall.CPUBounds{}) {
		fmt.Fprintf(&b, "cpus %s:%s\n", cpusText(s.CPU.MinMilli), cpusText(s.CPU.MaxMilli))
	}
	for _, step := range s.Steps {
		fmt.Fprintln(&b, step)
	}
	return b.String()
}

// Check returns a *[ScriptError] that names the first step which no host could play.
func (s Script) Check() error {
	s = s.filled()
	switch {
	case s.Memory.Boot == 0 || s.Memory.Boot > s.Memory.Max:
		return &ScriptError{Line: s.boundsText(), Why: "memory at the start must be more than nothing and no more than the maximum"}
	case s.CPU.MinMilli == 0 || s.CPU.MinMilli > s.CPU.MaxMilli:
		return &ScriptError{Line: s.boundsText(), Why: "vCPUs at the start must be more than none and no more than the maximum"}
	}
	var last time.Duration
	for _, step := range s.Steps {
		if err := s.checkStep(step, last); err != nil {
			return &ScriptError{Line: step.String(), Why: err.Error()}
		}
		last = step.At
	}
	return nil
}

func (s Script) boundsText() string {
	return strings.ReplaceAll(strings.TrimSpace(Script{Memory: s.Memory, CPU: s.CPU}.String()), "\n", ", ")
}

func (s Script) checkStep(step Step, last time.Duration) error {
	switch {
	case step.Do == nil:
		return fmt.Errorf("nothing is done: name an act")
	case step.At < 0:
		return fmt.Errorf("the time is before the start")
	case step.At < last:
		return fmt.Errorf("the step before it is at %s: steps stand in the order of time", last)
	}
	return step.Do.check(s)
}

// filled puts DefaultWelcome's bounds where there are none.
func (s Script) filled() Script {
	w := DefaultWelcome()
	if s.Memory == (hvcall.MemoryBounds{}) {
		s.Memory = w.Memory
	}
	if s.CPU == (hvcall.CPUBounds{}) {
		s.CPU = w.CPU
	}
	return s
}

// bound puts the script's bounds into a Welcome.
func (s Script) bound(w hvcall.Welcome) hvcall.Welcome {
	if s.Memory != (hvcall.MemoryBounds{}) {
		w.Memory, w.Grant.Memory = s.Memory, s.Memory.Boot
	}
	if s.CPU != (hvcall.CPUBounds{}) {
		w.CPU, w.Grant.MilliCPU = s.CPU, s.CPU.MinMilli
	}
	return w
}

// ScriptError says what is wrong with a script, and where.
type ScriptError struct {
	Name   string // of the file; "" = none
	Number int    // of the line, from 1; 0 = the script was no text
	Line   string // as it stands there
	Why    string
}

// Error implements error.
func (e *ScriptError) Error() string {
	where := "script"
	switch {
	case e.Name != "" && e.Number > 0:
		where = fmt.Sprintf("%s:%d", e.Name, e.Number)
	case e.Number > 0:
		where = fmt.Sprintf("script, line %d", e.Number)
	case e.Name != "":
		where = e.Name
	}
	return fmt.Sprintf("%s: %q: %s", where, e.Line, e.Why)
}
