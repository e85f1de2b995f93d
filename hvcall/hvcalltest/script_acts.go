package hvcalltest

import (
	"fmt"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// String is "grant".
func (Granting) String() string { return "grant" }

// String is "refuse".
func (Refusing) String() string { return "refuse" }

// String is "delay TIME".
func (a Delaying) String() string { return "delay " + a.By.String() }

// String is "limit memory SIZE vcpus N", or one of both.
func (a Limiting) String() string {
	s := "limit"
	if a.Memory > 0 {
		s += " memory " + sizeText(a.Memory)
	}
	if a.MilliCPU > 0 {
		s += " vcpus " + cpusText(a.MilliCPU)
	}
	return s
}

// String is "shrink SIZE within TIME".
func (a Shrinking) String() string {
	s := "shrink " + sizeText(a.To)
	if a.Within > 0 {
		s += " within " + a.Within.String()
	}
	return s
}

// String is "price N".
func (a Pricing) String() string { return fmt.Sprintf("price %d", a.Price) }

// String is "steal N".
func (a Stealing) String() string { return fmt.Sprintf("steal %d", a.Taken) }

// longest is the longest time that a script may name.
const longest = 24 * time.Hour

func (Granting) check(Script) error { return nil }
func (Refusing) check(Script) error { return nil }

func (a Delaying) check(Script) error {
	if a.By <= 0 || a.By > longest {
		return fmt.Errorf("a delay is more than nothing and at most %s", longest)
	}
	return nil
}

func (a Limiting) check(s Script) error {
	switch {
	case a == Limiting{}:
		return fmt.Errorf("nothing is limited: name memory, vcpus or both")
	case a.Memory > 0 && a.Memory < s.Memory.Boot:
		return fmt.Errorf("the guest starts with %s and keeps it", sizeText(s.Memory.Boot))
	case a.MilliCPU > 0 && a.MilliCPU < s.CPU.MinMilli:
		return fmt.Errorf("the guest is guaranteed %s vCPUs", cpusText(s.CPU.MinMilli))
	}
	return nil
}

func (a Shrinking) check(s Script) error {
	switch {
	case a.To < s.Memory.Boot:
		return fmt.Errorf("the guest starts with %s and keeps it", sizeText(s.Memory.Boot))
	case a.Within < 0 || a.Within > longest || a.Within%time.Millisecond != 0:
		return fmt.Errorf("the time to shrink is in whole milliseconds, at most %s", longest)
	}
	return nil
}

func (a Pricing) check(Script) error {
	if a.Price > hvcall.MaxPrice {
		return fmt.Errorf("a price is at most %d", uint64(hvcall.MaxPrice))
	}
	return nil
}

func (a Stealing) check(Script) error {
	if a.Taken > 1000 {
		return fmt.Errorf("no more than 1000 thousandths can be taken")
	}
	return nil
}

func (Granting) play(h *Host)   { h.move(func(s *stance) { *s = stance{price: s.price} }, 0) }
func (Refusing) play(h *Host)   { h.move(func(s *stance) { s.refuse, s.delay = true, 0 }, 0) }
func (a Delaying) play(h *Host) { h.move(func(s *stance) { s.refuse, s.delay = false, a.By }, 0) }
func (a Pricing) play(h *Host)  { h.move(func(s *stance) { s.price = a.Price }, 0) }

func (a Limiting) play(h *Host) {
	h.move(func(s *stance) {
		if a.Memory > 0 {
			s.memory = a.Memory
		}
		if a.MilliCPU > 0 {
			s.milli = a.MilliCPU
		}
	}, 0)
}

func (a Shrinking) play(h *Host) { h.move(func(s *stance) { s.memory = a.To }, a.Within) }

func (a Stealing) play(h *Host) {
	// A failed write ends the conversation; whoever serves the host hears of it.
	_ = h.conn.SendSteal(hvcall.Steal{Taken: a.Taken, Span: stealSpan})
}

// stealSpan is what a real host measures over.
const stealSpan = 500 * time.Millisecond
