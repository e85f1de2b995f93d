package pid1

import (
	"strconv"
	"time"
)

const (
	// markLeast and markShare are how far apart two marks are: so many bytes, or that share of the lower one. An application
	// that does not speak has room for twice as much, see outside.
	markLeast = 4 * mib
	markShare = 8
)

// marksUpTo are the amounts, in bytes, of which the kernel says when what an application is charged passes one of them, either way:
// a look may be soon then, and need not be soon otherwise.
func marksUpTo(most int64) (marks []int64) {
	for at := int64(2 * markLeast); at < most; at += max(markLeast, at/markShare/pageSize*pageSize) {
		marks = append(marks, at)
	}
	return marks
}

// watchUse calls passed, from its own goroutine, when what the application is charged has passed a mark, and not again within
// tickOutside. It ends with the process.
func (k *kernel) watchUse(marks []int64, passed func()) error {
	args := make([]string, len(marks))
	for i, m := range marks {
		args[i] = strconv.FormatInt(m, 10)
	}
	return k.mem.watchGroup("memory.usage_in_bytes", args, func() {
		passed()
		time.Sleep(tickOutside) // what passes meanwhile is said once
	})
}

// watchUse has the machine tell when an application that does not speak grows or shrinks. It is done once it is known
// not to speak, beside the control loop, for it takes the kernel a while.
func (c *control) watchUse(now time.Duration) {
	if c.app != nil || now < c.cpu.hold || c.marks != marksNone {
		return
	}
	c.marks = marksAsked
	marks := marksUpTo(c.balance.Max)
	go func() {
		err := c.m.watchUse(marks, func() { c.post(func(*control) {}) })
		c.postQuick(func(c *control) {
			if err != nil {
				c.log.Error("growth not watched: the application is looked at the more often", "err", err)
				return
			}
			c.marks = marksSet
		})
	}()
}

// marking is how far watchUse is.
type marking int

const (
	marksNone  marking = iota
	marksAsked         // or refused
	marksSet
)
