package pages

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// Size is that of a page, bytes.
	Size = 4096

	chunk = 64 * Size // what is read at once: it stays in the processor's cache
)

var zeros [Size]byte

// Runs calls do for each run of pages that are not zeros, of size bytes of a file from at on: place counts from there. The bytes are
// valid until do returns. What is looked at is found by moving the file's position.
func Runs(f *os.File, at, size int64, do func(place int64, b []byte) error) error {
	buf := make([]byte, chunk)
	for done := int64(0); done < size; {
		start, end, err := nextData(f, at+done, at+size)
		if err != nil {
			return err
		}
		done = (start - at) / Size * Size
		for ; done < end-at; done += chunk {
			b := buf[:min(chunk, size-done)]
			if _, err := f.ReadAt(b, at+done); err != nil {
				return fmt.Errorf("read memory: %w", err)
			}
			if err := runsIn(b, done, do); err != nil {
				return err
			}
		}
	}
	return nil
}

// runsIn calls do for the runs in what was read.
func runsIn(b []byte, place int64, do func(int64, []byte) error) error {
	for len(b) > 0 {
		run := 0
		for ; run < len(b) && !zero(b[run:min(run+Size, len(b))]); run += Size {
		}
		run = min(run, len(b))
		if run == 0 {
			run = min(Size, len(b))
		} else if err := do(place, b[:run]); err != nil {
			return err
		}
		b, place = b[run:], place+int64(run)
	}
	return nil
}

// nextData finds the next range with data at or behind at; at the end both are limit.
func nextData(f *os.File, at, limit int64) (start, end int64, err error) {
	start, err = f.Seek(at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) || err == nil && start >= limit {
		return limit, limit, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find data: %w", err)
	}
	end, err = f.Seek(start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, fmt.Errorf("find end of data: %w", err)
	}
	return start, min(end, limit), nil
}

func zero(b []byte) bool { return string(b) == string(zeros[:len(b)]) }
