package pid1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// crowded is the file of silo's kernel by which it tells that threads of a group share a vCPU.
const crowded = "cpu.crowded"

// watchCrowd has hit called, from its own goroutine, each time that the kernel says so; askCrowd asks for it.
// A kernel that cannot tell makes it an error that is errors.ErrUnsupported.
func (k *kernel) watchCrowd(hit func()) error {
	bell, err := newEventFD()
	if err != nil {
		return err
	}
	err = k.counts.write(crowded, "0 "+strconv.Itoa(bell.fd))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("watch %s: %w", crowded, errors.ErrUnsupported)
	}
	if err != nil {
		bell.close()
		return err
	}
	go bell.each(hit)
	return nil
}

// askCrowd has the kernel tell once, when two threads of the application have shared a vCPU for so long without a break.
func (k *kernel) askCrowd(after time.Duration) error {
	return k.counts.write(crowded, strconv.FormatInt(after.Microseconds(), 10))
}
